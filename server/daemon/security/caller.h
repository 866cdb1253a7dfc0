// A `Caller` is who asks: the first argument of every request to the jobs. Values and pure
// functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_CALLER_H_
#define DESCENT_SERVER_DAEMON_SECURITY_CALLER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace descent::daemon {

// What a caller may do. Nothing asks for it yet: everybody who reaches a daemon on loopback is its
// administrator. Each role may do what those before it may.
enum class Role {
  kMetrics,   // reads how the daemon is
  kViewer,    // reads the jobs
  kOperator,  // steers the jobs of his own
  kAdmin,     // does anything
};

// Who asks. A value.
struct Caller {
  // The name under which the journal keeps what was asked, and by which callers take turns:
  // printable ASCII, never empty.
  std::string principal;
  Role role = Role::kMetrics;  // the least, where nobody has said more
};

// The metadata key, or header, in which a client says who it is.
inline constexpr std::string_view kPrincipalHeader = "x-descent-principal";

// Gives who has come over loopback and says to be `claimed`, the value of that header: at most 128
// printable ASCII characters, else INVALID_ARGUMENT (`INVALID_PRINCIPAL`). An empty one is
// "anonymous". The name is for the journal and no proof of anything.
absl::StatusOr<Caller> LoopbackCaller(std::string_view claimed);

// Gives the daemon itself, when it asks its own jobs (for metrics).
Caller LocalCaller();

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_CALLER_H_
