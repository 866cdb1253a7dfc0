#include "server/daemon/api/callers.h"

#include <string>
#include <string_view>

#include "proto/rpc_status.h"
#include "proto/rules/identity.h"
#include "proto/rules/reasons.h"
#include "proto/rules/trace_context.h"

namespace descent::daemon {
namespace {

// Gives the first value; empty if there is none.
std::string_view Metadata(const grpc::CallbackServerContext& context, std::string_view key) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(grpc::string_ref(key.data(), key.size()));
  if (found == metadata.end()) return {};
  return std::string_view(found->second.data(), found->second.size());
}

// Gives all values, joined as RFC 9110, section 5.3, says: two traceparents make a malformed one.
std::string Joined(const grpc::CallbackServerContext& context, std::string_view key) {
  std::string joined;
  const auto [begin, end] =
      context.client_metadata().equal_range(grpc::string_ref(key.data(), key.size()));
  for (auto it = begin; it != end; ++it) {
    if (it != begin) joined += ',';
    joined.append(it->second.data(), it->second.size());
  }
  return joined;
}

}  // namespace

absl::StatusOr<Caller> Callers::Of(const grpc::CallbackServerContext& context) const {
  constexpr std::string_view kKey = rules::kAuthorizationHeader;
  // A proxy that looks at one of two, and a server that looks at the other, see different callers.
  if (context.client_metadata().count(grpc::string_ref(kKey.data(), kKey.size())) > 1) {
    return MakeError(absl::StatusCode::kUnauthenticated, "authorization: is given more than once",
                     reason::kUnauthenticated);
  }
  const std::string peer = context.peer();
  return IdentifyCaller(
      access_, {// Of the addresses that are listened on, one alone is a socket in
                // the file system, whatever name its client's end has.
                .over_socket = peer.starts_with("unix"),
                .authorization = Metadata(context, kKey),
                .principal = Metadata(context, rules::kPrincipalHeader),
                .from = peer,
                .trace = rules::ReadTraceContext(Joined(context, rules::kTraceParentHeader),
                                                 Joined(context, rules::kTraceStateHeader))});
}

}  // namespace descent::daemon
