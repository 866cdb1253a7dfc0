// `TokenRequests` is TokenService as values, as Requests is TrainingService: the caller's role is
// checked, then the request by itself, before Access hears of it. A value of three pointers;
// thread-safe.
#ifndef DESCENT_SERVER_DAEMON_REQUESTS_TOKEN_REQUESTS_H_
#define DESCENT_SERVER_DAEMON_REQUESTS_TOKEN_REQUESTS_H_

#include "absl/status/statusor.h"
#include "descent/v1/token_service.pb.h"
#include "server/daemon/audit/audit_log.h"
#include "server/daemon/requests/request_counts.h"
#include "server/daemon/security/access.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class TokenRequests {
 public:
  // `access` must outlive it. Null: everything is FAILED_PRECONDITION (`AUTH_OFF`).
  // `counts` are told of every answer, and must outlive it too; null: nobody is.
  // `audit` is told of who may not, likewise.
  explicit TokenRequests(Access* access, RequestCounts* counts = nullptr, AuditLog* audit = nullptr)
      : access_(access), counts_(counts), audit_(audit) {}

  // All but the last block: they write a file.
  absl::StatusOr<v1::CreateTokenResponse> Create(const Caller& caller,
                                                 const v1::CreateTokenRequest& request) const;
  absl::StatusOr<v1::ListTokensResponse> List(const Caller& caller,
                                              const v1::ListTokensRequest& request) const;
  absl::StatusOr<v1::RevokeTokenResponse> Revoke(const Caller& caller,
                                                 const v1::RevokeTokenRequest& request) const;
  absl::StatusOr<v1::CreateLoginCodeResponse> DrawLoginCode(
      const Caller& caller, const v1::CreateLoginCodeRequest& request) const;

 private:
  Access* access_;
  RequestCounts* counts_;
  AuditLog* audit_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_REQUESTS_TOKEN_REQUESTS_H_
