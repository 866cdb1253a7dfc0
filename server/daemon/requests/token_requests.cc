#include "server/daemon/requests/token_requests.h"

#include <string_view>

#include "absl/status/status.h"
#include "server/daemon/requests/check.h"
#include "server/daemon/security/rules.h"

namespace descent::daemon {
namespace {

template <class Request>
absl::Status Check(const Access* access, const Caller& caller, std::string_view what,
                   const Request& request) {
  absl::Status status = CheckRole(caller, what);
  if (status.ok()) status = CheckRequest(request);
  return status.ok() && access == nullptr ? AuthIsOff() : status;
}

}  // namespace

absl::StatusOr<v1::CreateTokenResponse> TokenRequests::Create(
    const Caller& caller, const v1::CreateTokenRequest& request) const {
  const CountedRequest counted(counts_, "CreateToken", audit_, caller);
  absl::Status status = Check(access_, caller, "CreateToken", request);
  if (!status.ok()) return counted.Ended<v1::CreateTokenResponse>(status);
  return counted.Ended(access_->CreateToken(caller, request));
}

absl::StatusOr<v1::ListTokensResponse> TokenRequests::List(
    const Caller& caller, const v1::ListTokensRequest& request) const {
  const CountedRequest counted(counts_, "ListTokens", audit_, caller);
  absl::Status status = Check(access_, caller, "ListTokens", request);
  if (!status.ok()) return counted.Ended<v1::ListTokensResponse>(status);
  return counted.Ended(access_->ListTokens(caller));
}

absl::StatusOr<v1::RevokeTokenResponse> TokenRequests::Revoke(
    const Caller& caller, const v1::RevokeTokenRequest& request) const {
  const CountedRequest counted(counts_, "RevokeToken", audit_, caller);
  absl::Status status = Check(access_, caller, "RevokeToken", request);
  if (!status.ok()) return counted.Ended<v1::RevokeTokenResponse>(status);
  return counted.Ended(access_->RevokeToken(caller, request));
}

absl::StatusOr<v1::CreateLoginCodeResponse> TokenRequests::DrawLoginCode(
    const Caller& caller, const v1::CreateLoginCodeRequest& request) const {
  const CountedRequest counted(counts_, "CreateLoginCode", audit_, caller);
  absl::Status status = Check(access_, caller, "CreateLoginCode", request);
  if (!status.ok()) return counted.Ended<v1::CreateLoginCodeResponse>(status);
  return counted.Ended(access_->CreateLoginCode(caller));
}

}  // namespace descent::daemon
