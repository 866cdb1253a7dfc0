#include "server/daemon/security/caller.h"

#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

constexpr size_t kMaxPrincipal = 128;

}  // namespace

absl::StatusOr<Caller> LoopbackCaller(std::string_view claimed) {
  if (claimed.empty()) return Caller{.principal = "anonymous", .role = Role::kAdmin};
  if (claimed.size() > kMaxPrincipal || !rules::IsPrintableAscii(claimed)) {
    return InvalidField(kPrincipalHeader, "must be at most 128 printable ASCII characters",
                        reason::kInvalidPrincipal);
  }
  return Caller{.principal = std::string(claimed), .role = Role::kAdmin};
}

Caller LocalCaller() { return {.principal = "local", .role = Role::kAdmin}; }

}  // namespace descent::daemon
