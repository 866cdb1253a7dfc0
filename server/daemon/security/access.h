// `Access` says who somebody is that has come with a token, a session or over the clients' socket,
// and whether that still holds; and it makes and revokes what lets people in. Thread-safe.
//
// Errors: UNAUTHENTICATED (reason `UNAUTHENTICATED`) tells whoever brings nothing, or nothing that
// is good, what to do; PERMISSION_DENIED (`ROLE_TOO_LOW`) whoever may not. No secret is in them,
// nor in the log, where refusals are counted and told once a second at most.
//
// Where a server has no Access (null), everybody is an admin: `--auth none`.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_ACCESS_H_
#define DESCENT_SERVER_DAEMON_SECURITY_ACCESS_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/token_service.pb.h"
#include "proto/rules/trace_context.h"
#include "server/common/clock.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class AuditLog;

class Access {
 public:
  static constexpr std::chrono::seconds kSessionTime = std::chrono::hours(12);
  static constexpr std::chrono::seconds kCodeTime{60};

  // What somebody brings.
  struct Claim {
    // By the clients' socket, which lets in the daemon's user alone, so that a token is not asked
    // for there; but who brings one has its role.
    bool over_socket = false;
    std::string_view authorization = {};  // the header: `Bearer TOKEN`; empty: there is none
    std::string_view principal = {};      // as he says: rules::kPrincipalHeader
    std::string_view from = {};           // where he is, for the log
    rules::TraceContext trace = {};       // in which he asks
  };

  // Opens what is kept in a daemon's folder: `tokens.json`, and `admin.token`, the first admin's,
  // which is made if it isn't there, or lets nobody in. A damaged tokens.json is DATA_LOSS, a
  // sentence that says what to do; UNAVAILABLE or RESOURCE_EXHAUSTED if the files can't be written.
  // `audit` is told of the tokens that are made and revoked, and of who is not let in; null: nobody
  // is. It and `clock` must outlive this.
  static absl::StatusOr<std::unique_ptr<Access>> Open(const std::string& folder,
                                                      const server::Clock* clock,
                                                      AuditLog* audit = nullptr);

  virtual ~Access() = default;

  // Gives who that is. INVALID_ARGUMENT if he is believed, and his name can't be one.
  virtual absl::StatusOr<Caller> Identify(const Claim& claim) = 0;

  // What is told of it in figures.
  struct Statistics {
    // Callers that were not let in since the start, by why: `no_token`, `malformed`, `unknown`,
    // `expired`, `revoked`, `bad_code`. All are there, also as 0.
    std::map<std::string, int64_t> refusals;
    // When the next of the good tokens expires, in nanoseconds since 1970; 0: none does.
    int64_t next_expiry = 0;
  };
  virtual Statistics statistics() const = 0;

  // Gives OK as long as what let the caller in is good, else UNAUTHENTICATED. Does not block.
  virtual absl::Status Holds(const Caller& caller) const = 0;

  // These are TokenService's methods; the requests, and the caller's role, have been checked. They
  // block, but for the last.
  virtual absl::StatusOr<v1::CreateTokenResponse> CreateToken(
      const Caller& caller, const v1::CreateTokenRequest& request) = 0;
  virtual absl::StatusOr<v1::ListTokensResponse> ListTokens(const Caller& caller) const = 0;
  virtual absl::StatusOr<v1::RevokeTokenResponse> RevokeToken(
      const Caller& caller, const v1::RevokeTokenRequest& request) = 0;
  virtual absl::StatusOr<v1::CreateLoginCodeResponse> CreateLoginCode(const Caller& caller) = 0;

  // Opens a session for whoever drew the code, which is good no longer. UNAUTHENTICATED if it was
  // not.
  virtual absl::StatusOr<v1::OpenSessionResponse> OpenSession(std::string_view code,
                                                              std::string_view from) = 0;
  // Opens one for whoever brought a token. A session opens no other, nor draws a code:
  // PERMISSION_DENIED.
  virtual absl::StatusOr<v1::OpenSessionResponse> OpenSession(const Caller& caller) = 0;
  // Ends the caller's session; nothing if it is none.
  virtual void CloseSession(const Caller& caller) = 0;
};

// Gives who that is, where `access` may be null.
absl::StatusOr<Caller> IdentifyCaller(Access* access, const Access::Claim& claim);

// What is said of tokens and sessions where it is null: FAILED_PRECONDITION (`AUTH_OFF`).
absl::Status AuthIsOff();

// Gives what GET /v1/whoami answers.
v1::WhoAmI WhoIs(const Caller& caller, const Access* access);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_ACCESS_H_
