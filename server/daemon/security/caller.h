// A `Caller` is who asks: the first argument of every request to the jobs. Values and pure
// functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_CALLER_H_
#define DESCENT_SERVER_DAEMON_SECURITY_CALLER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/rules/trace_context.h"

namespace descent::daemon {

// What a caller may do. Each role may do what those before it may; rules.h says what that is.
enum class Role {
  kMetrics,   // reads how the daemon is
  kViewer,    // reads the jobs
  kOperator,  // steers the jobs of his own
  kAdmin,     // does anything
};

// Gives the role's word: `metrics`, `viewer`, `operator`, `admin`.
std::string_view RoleName(Role role);

// Who asks. A value.
struct Caller {
  // The name under which the journal keeps what was asked, and by which callers take turns:
  // printable ASCII, never empty.
  std::string principal = {};
  Role role = Role::kMetrics;  // the least, where nobody has said more
  std::vector<std::string> groups = {};
  // What let him in, by which it is found again when it was revoked or has expired
  // (Access::Holds): `token:` or `session:` with an id, `socket`, or `none`. No secret.
  std::string credential = "none";
  // In whose trace he asks, as far as he says so.
  rules::TraceContext trace = {};
};

// Whose a job is.
struct Ownership {
  std::string owner = {};  // a principal; empty: the admins'
  std::string group = {};  // empty: no group's
};

// Gives the name of one who says to be `claimed`, the value of rules::kPrincipalHeader: at most 128
// printable ASCII characters, else INVALID_ARGUMENT (`INVALID_PRINCIPAL`). An empty one is
// "anonymous". The name is for the journal and no proof of anything.
absl::StatusOr<std::string> ClaimedPrincipal(std::string_view claimed);

// Gives an admin of that name: everybody, where no tokens are asked for.
absl::StatusOr<Caller> LoopbackCaller(std::string_view claimed);

// Gives the daemon itself, when it asks its own jobs (for metrics).
Caller LocalCaller();

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_CALLER_H_
