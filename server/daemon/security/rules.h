// The table of rules: what each method and each HTTP path takes. Pure functions; any thread.
//
// What is not in the table is refused. The jobs' rules are asked for by Requests, so that they hold
// over gRPC and HTTP alike; those of tokens by TokenRequests; those of other
// paths by Routes.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_RULES_H_
#define DESCENT_SERVER_DAEMON_SECURITY_RULES_H_

#include <optional>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

// Whose jobs a rule is about, for those who are no admins.
enum class Whose {
  kAny,
  kOwn,  // those of which the caller is the owner, or in whose group he is
};

struct Rule {
  // A method (`CommandJob`), or a path that stands for none, with its verb (`GET /metrics`).
  std::string_view what;
  std::optional<Role> least = {};  // none: open to everybody, without a token
  Whose whose = Whose::kAny;
};

// All of them.
std::span<const Rule> Rules();

// Gives the rule, or null if there is none.
const Rule* FindRule(std::string_view what);

// Gives OK if the caller's role is enough for `what`, else PERMISSION_DENIED (`ROLE_TOO_LOW`).
// INTERNAL if there is no such rule.
absl::Status CheckRole(const Caller& caller, std::string_view what);

// Gives OK if the caller may do `what` with the job `name` that is somebody's, as far as that
// depends on whose it is; else PERMISSION_DENIED (`NOT_YOURS`).
absl::Status CheckOwner(const Caller& caller, std::string_view what, std::string_view name,
                        const Ownership& ownership);

// Gives OK if the caller may give a job to this group (empty: none), else PERMISSION_DENIED
// (`NOT_YOURS`).
absl::Status CheckGroup(const Caller& caller, std::string_view group);

// Gives OK if the caller may have the answer to a request that this principal made, else
// PERMISSION_DENIED (`NOT_YOURS`), which says nothing of it.
absl::Status CheckReplay(const Caller& caller, std::string_view request_id,
                         std::string_view principal);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_RULES_H_
