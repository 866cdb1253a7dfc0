#include "server/daemon/api/callers.h"

#include <string>
#include <string_view>
#include <utility>

#include "proto/rpc_status.h"
#include "proto/rules/identity.h"
#include "proto/rules/reasons.h"
#include "proto/rules/trace_context.h"

namespace descent::daemon {
namespace {

constexpr Shares::Kind kCalls = {.name = "calls that wait for an answer",
                                 .flag = "",
                                 .advice = "wait for some of the answers, then ask again",
                                 .reason = reason::kTooManyCalls};
constexpr Shares::Kind kBytes = {.name = "bytes of requests that wait for an answer",
                                 .flag = "",
                                 .advice = "wait for some of the answers, then ask again",
                                 .reason = reason::kTooManyCalls};

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

Callers::Callers(Access* access, Limits limits)
    : access_(access),
      calls_(std::make_shared<Shares>(kCalls, limits.calls)),
      bytes_(std::make_shared<Shares>(kBytes, limits.bytes)) {}

absl::StatusOr<AdmittedCall> Callers::Admit(const grpc::CallbackServerContext& context,
                                            size_t request_bytes) const {
  absl::StatusOr<Caller> caller = Of(context);
  if (!caller.ok()) return caller.status();
  absl::StatusOr<Share> call = calls_->Take(caller->principal);
  if (!call.ok()) return call.status();
  absl::StatusOr<Share> bytes =
      bytes_->Take(caller->principal, static_cast<int64_t>(request_bytes));
  if (!bytes.ok()) return bytes.status();
  return AdmittedCall{
      .caller = *std::move(caller), .call = *std::move(call), .bytes = *std::move(bytes)};
}

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
