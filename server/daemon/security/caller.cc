#include "server/daemon/security/caller.h"

#include <utility>

#include "proto/rpc_status.h"
#include "proto/rules/identity.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

constexpr size_t kMaxPrincipal = 128;

}  // namespace

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kMetrics:
      return "metrics";
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      return "operator";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

absl::StatusOr<std::string> ClaimedPrincipal(std::string_view claimed) {
  if (claimed.empty()) return std::string("anonymous");
  if (claimed.size() > kMaxPrincipal || !rules::IsPrintableAscii(claimed)) {
    return InvalidField(rules::kPrincipalHeader, "must be at most 128 printable ASCII characters",
                        reason::kInvalidPrincipal);
  }
  return std::string(claimed);
}

absl::StatusOr<Caller> LoopbackCaller(std::string_view claimed) {
  absl::StatusOr<std::string> principal = ClaimedPrincipal(claimed);
  if (!principal.ok()) return principal.status();
  return Caller{.principal = *std::move(principal), .role = Role::kAdmin};
}

Caller LocalCaller() { return {.principal = "local", .role = Role::kAdmin}; }

}  // namespace descent::daemon
