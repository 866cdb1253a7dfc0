#include "server/daemon/security/access.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files/private_file.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "proto/rules/trace_context.h"
#include "server/common/log.h"
#include "server/common/regular_file.h"
#include "server/daemon/audit/audit_log.h"
#include "server/daemon/security/refusal_log.h"
#include "server/daemon/security/secret_text.h"
#include "server/daemon/security/sessions.h"
#include "server/daemon/security/token_store.h"

namespace descent::daemon {
namespace {

constexpr std::string_view kTokenCredential = "token:";
constexpr std::string_view kSessionCredential = "session:";
constexpr std::string_view kSocketCredential = "socket";
constexpr size_t kMostTokenBytes = 4096;  // of a file with one
constexpr char kHowToGetOne[] =
    "who runs descentd finds one in admin.token in its folder, and makes others by `descent token "
    "create`; it is sent as `authorization: Bearer TOKEN`";

int64_t Nanos(std::chrono::seconds time) { return time.count() * server::kSecond; }

v1::Role ToWire(Role role) {
  switch (role) {
    case Role::kMetrics:
      return v1::METRICS;
    case Role::kViewer:
      return v1::VIEWER;
    case Role::kOperator:
      return v1::OPERATOR;
    case Role::kAdmin:
      return v1::ADMIN;
  }
  return v1::ROLE_UNSPECIFIED;
}

// Gives the least role for what is none.
Role FromWire(v1::Role role) {
  for (const Role known : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
    if (ToWire(known) == role) return known;
  }
  return Role::kMetrics;
}

v1::Token ToWire(const StoredToken& token) {
  v1::Token wire;
  wire.set_id(token.id);
  wire.set_role(ToWire(token.role));
  wire.set_owner(token.owner);
  wire.mutable_groups()->Assign(token.groups.begin(), token.groups.end());
  wire.set_create_time_unix_nanos(static_cast<uint64_t>(token.created));
  wire.set_expire_time_unix_nanos(static_cast<uint64_t>(token.expires));
  wire.set_revoke_time_unix_nanos(static_cast<uint64_t>(token.revoked));
  wire.set_last_use_time_unix_nanos(static_cast<uint64_t>(token.last_used));
  return wire;
}

// Says what a token is, for the log.
std::string Describe(const StoredToken& token) {
  return absl::StrCat(
      "token ", token.id, " (", std::string(RoleName(token.role)),
      token.owner.empty() ? "" : absl::StrCat(", of ", token.owner),
      token.groups.empty() ? "" : absl::StrCat(", groups ", absl::StrJoin(token.groups, ", ")),
      ")");
}

absl::Status Unauthenticated(std::string_view message) {
  return MakeError(absl::StatusCode::kUnauthenticated, message, reason::kUnauthenticated);
}

absl::Status CheckGood(const StoredToken& token, int64_t now) {
  if (token.IsGood(now)) return absl::OkStatus();
  return Unauthenticated(absl::StrCat("the token ", token.id,
                                      token.revoked != 0 ? " was revoked" : " has expired",
                                      "; ask who runs descentd for another one"));
}

class AccessImpl final : public Access {
 public:
  AccessImpl(std::unique_ptr<TokenStore> tokens, const server::Clock* clock, AuditLog* audit)
      : clock_(clock),
        audit_(audit),
        tokens_(std::move(tokens)),
        sessions_(Nanos(kCodeTime), Nanos(kSessionTime), clock),
        refusals_(clock, audit) {}

  // Makes the file of the first admin's token if it lets nobody in.
  absl::Status OfferFirstToken(const std::string& path) {
    const absl::StatusOr<std::string> text = server::ReadRegularFile(path, kMostTokenBytes);
    if (absl::IsFailedPrecondition(text.status())) return text.status();
    // What can't be read, or is too long for a token, lets nobody in.
    const std::string secret(absl::StripAsciiWhitespace(text.value_or("")));
    const std::optional<StoredToken> known = tokens_->Find(secret);
    if (known && known->role == Role::kAdmin && known->IsGood(clock_->WallNanos())) {
      return absl::OkStatus();
    }
    const absl::StatusOr<TokenStore::Made> made =
        tokens_->Create({.role = Role::kAdmin, .is_first = true}, /*ttl_seconds=*/0);
    if (!made.ok()) return made.status();
    if (absl::Status status = WritePrivateFile(path, made->secret + "\n"); !status.ok()) {
      return status;
    }
    server::LogInfo("access", absl::StrCat(Describe(made->token), " was made: ", path));
    WriteDown("CreateToken", {.principal = "descentd"}, made->token);
    // Whoever took the file away wanted what was in it to be good no longer.
    for (const StoredToken& earlier : tokens_->All()) {
      if (!earlier.is_first || earlier.revoked != 0 || earlier.id == made->token.id) continue;
      if (absl::Status status = tokens_->Revoke(earlier.id); !status.ok()) return status;
      server::LogInfo("access", absl::StrCat(Describe(earlier), ", the one before, was revoked"));
      WriteDown("RevokeToken", {.principal = "descentd"}, earlier);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Caller> Identify(const Claim& claim) override {
    if (claim.authorization.empty()) {
      if (claim.over_socket) {
        return Believe(claim, {.role = Role::kAdmin, .credential = std::string(kSocketCredential)});
      }
      refusals_.Add(Refused::kNoToken, "no token", claim.from);
      return Unauthenticated(absl::StrCat("descentd asks for a token: ", kHowToGetOne));
    }
    const std::optional<std::string_view> secret = BearerOf(claim.authorization);
    if (!secret) {
      refusals_.Add(Refused::kMalformed, "an authorization that is not `Bearer TOKEN`", claim.from);
      return Unauthenticated("authorization: is not `Bearer TOKEN`");
    }
    if (const std::optional<StoredToken> token = tokens_->Find(*secret)) {
      if (absl::Status status = CheckGood(*token, clock_->WallNanos()); !status.ok()) {
        refusals_.Add(token->revoked != 0 ? Refused::kRevoked : Refused::kExpired,
                      std::string(status.message()), claim.from);
        return status;
      }
      Caller caller{.principal = token->owner,
                    .role = token->role,
                    .groups = token->groups,
                    .credential = absl::StrCat(std::string(kTokenCredential), token->id)};
      return token->owner.empty() ? Believe(claim, std::move(caller)) : caller;
    }
    if (const std::optional<Sessions::Session> session = sessions_.Find(*secret)) {
      if (absl::Status status = HoldsCredential(session->opened_by); !status.ok()) {
        refusals_.Add(WhyOver(session->opened_by), std::string(status.message()), claim.from);
        return status;
      }
      return session->caller;
    }
    refusals_.Add(Refused::kUnknown, "a token that is not known", claim.from);
    return Unauthenticated(
        absl::StrCat("this token, or session, is not known here, or has ended: ", kHowToGetOne));
  }

  Statistics statistics() const override {
    Statistics statistics{.refusals = refusals_.counts()};
    const int64_t now = clock_->WallNanos();
    for (const StoredToken& token : tokens_->All()) {
      if (!token.IsGood(now) || token.expires == 0) continue;
      int64_t& next = statistics.next_expiry;
      next = next == 0 ? token.expires : std::min(next, token.expires);
    }
    return statistics;
  }

  absl::Status Holds(const Caller& caller) const override {
    return HoldsCredential(caller.credential);
  }

  absl::StatusOr<v1::CreateTokenResponse> CreateToken(
      const Caller& caller, const v1::CreateTokenRequest& request) override {
    const absl::StatusOr<TokenStore::Made> made =
        tokens_->Create({.role = FromWire(request.role()),
                         .owner = request.owner(),
                         .groups = {request.groups().begin(), request.groups().end()}},
                        request.ttl_seconds());
    if (!made.ok()) return made.status();
    server::LogInfo(AboutCaller(caller), absl::StrCat(Describe(made->token), " was made"));
    WriteDown("CreateToken", caller, made->token);
    v1::CreateTokenResponse response;
    response.set_token(made->secret);
    *response.mutable_info() = ToWire(made->token);
    return response;
  }

  absl::StatusOr<v1::ListTokensResponse> ListTokens(const Caller& /*caller*/) const override {
    v1::ListTokensResponse response;
    for (const StoredToken& token : tokens_->All()) *response.add_tokens() = ToWire(token);
    return response;
  }

  absl::StatusOr<v1::RevokeTokenResponse> RevokeToken(
      const Caller& caller, const v1::RevokeTokenRequest& request) override {
    if (absl::Status status = tokens_->Revoke(request.id()); !status.ok()) return status;
    server::LogInfo(AboutCaller(caller), absl::StrCat("token ", request.id(), " was revoked"));
    if (const std::optional<StoredToken> token = tokens_->Get(request.id())) {
      WriteDown("RevokeToken", caller, *token);
    }
    return v1::RevokeTokenResponse();
  }

  absl::StatusOr<v1::CreateLoginCodeResponse> CreateLoginCode(const Caller& caller) override {
    if (absl::Status status = CheckNoSession(caller); !status.ok()) return status;
    absl::StatusOr<std::string> code = sessions_.DrawCode(caller);
    if (!code.ok()) return code.status();
    v1::CreateLoginCodeResponse response;
    response.set_code(*std::move(code));
    return response;
  }

  absl::StatusOr<v1::OpenSessionResponse> OpenSession(std::string_view code,
                                                      std::string_view from) override {
    const std::optional<Caller> caller = sessions_.Redeem(code);
    if (!caller) {
      refusals_.Add(Refused::kBadCode, "a login code that is not good", from);
      return Unauthenticated(
          "code: is not good, or no longer: each is good once, for 60 s; draw another one by "
          "`descent open`");
    }
    if (absl::Status status = Holds(*caller); !status.ok()) return status;
    return Open(*caller);
  }

  absl::StatusOr<v1::OpenSessionResponse> OpenSession(const Caller& caller) override {
    if (absl::Status status = CheckNoSession(caller); !status.ok()) return status;
    return Open(caller);
  }

  void CloseSession(const Caller& caller) override {
    if (const std::optional<std::string_view> id = IdOf(caller.credential, kSessionCredential)) {
      sessions_.Close(*id);
    }
  }

 private:
  // Gives the part behind a credential's kind; nothing if it is of another kind.
  static std::optional<std::string_view> IdOf(std::string_view credential, std::string_view kind) {
    if (!credential.starts_with(kind)) return std::nullopt;
    return credential.substr(kind.size());
  }

  static server::LogAbout AboutCaller(const Caller& caller) {
    return {.source = "access",
            .principal = caller.principal,
            .trace = rules::TraceIdOf(caller.trace.parent)};
  }

  // Writes down what was done with a token.
  void WriteDown(const char* method, const Caller& caller, const StoredToken& token) const {
    if (audit_ == nullptr) return;
    v1::AuditEntry entry;
    entry.set_principal(caller.principal);
    entry.set_credential(caller.credential);
    entry.set_method(method);
    entry.set_outcome(v1::AuditEntry::DONE);
    *entry.mutable_token() = ToWire(token);
    if (!caller.trace.empty()) {
      entry.mutable_trace()->set_parent(caller.trace.parent);
      entry.mutable_trace()->set_state(caller.trace.state);
    }
    audit_->Add(std::move(entry));
  }

  // Gives him the name that he claims.
  static absl::StatusOr<Caller> Believe(const Claim& claim, Caller caller) {
    absl::StatusOr<std::string> principal = ClaimedPrincipal(claim.principal);
    if (!principal.ok()) return principal.status();
    caller.principal = *std::move(principal);
    return caller;
  }

  absl::Status HoldsCredential(std::string_view credential) const {
    if (credential == kSocketCredential) return absl::OkStatus();
    if (const std::optional<std::string_view> id = IdOf(credential, kSessionCredential)) {
      const std::optional<Sessions::Session> session = sessions_.Get(*id);
      if (session) return HoldsCredential(session->opened_by);
      return Unauthenticated("the session has ended; sign in again");
    }
    if (const std::optional<std::string_view> id = IdOf(credential, kTokenCredential)) {
      const std::optional<StoredToken> token = tokens_->Get(*id);
      if (token) return CheckGood(*token, clock_->WallNanos());
    }
    return Unauthenticated("what let you in is not good any longer");
  }

  // Says why what had opened a session is good no longer.
  Refused WhyOver(std::string_view opened_by) const {
    const std::optional<std::string_view> id = IdOf(opened_by, kTokenCredential);
    const std::optional<StoredToken> token = id ? tokens_->Get(*id) : std::nullopt;
    return token && token->revoked == 0 ? Refused::kExpired : Refused::kRevoked;
  }

  // A session that could open another one would never end.
  static absl::Status CheckNoSession(const Caller& caller) {
    if (!IdOf(caller.credential, kSessionCredential)) return absl::OkStatus();
    return MakeError(absl::StatusCode::kPermissionDenied,
                     "a session opens no other; bring a token, or draw a code by `descent open`",
                     reason::kRoleTooLow);
  }

  absl::StatusOr<v1::OpenSessionResponse> Open(const Caller& caller) {
    absl::StatusOr<std::string> secret = sessions_.Open(caller);
    if (!secret.ok()) return secret.status();
    v1::OpenSessionResponse response;
    response.set_session(*std::move(secret));
    response.set_expires_in(static_cast<int32_t>(kSessionTime.count()));
    response.set_principal(caller.principal);
    response.set_role(ToWire(caller.role));
    return response;
  }

  const server::Clock* const clock_;
  AuditLog* const audit_;
  const std::unique_ptr<TokenStore> tokens_;
  Sessions sessions_;
  RefusalLog refusals_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Access>> Access::Open(const std::string& folder,
                                                     const server::Clock* clock, AuditLog* audit) {
  absl::StatusOr<std::unique_ptr<TokenStore>> tokens =
      TokenStore::Open(folder + "/tokens.json", clock);
  if (!tokens.ok()) return tokens.status();
  auto access = std::make_unique<AccessImpl>(*std::move(tokens), clock, audit);
  if (absl::Status status = access->OfferFirstToken(folder + "/admin.token"); !status.ok()) {
    return status;
  }
  return access;
}

v1::WhoAmI WhoIs(const Caller& caller, const Access* access) {
  v1::WhoAmI who;
  who.set_principal(caller.principal);
  who.set_role(ToWire(caller.role));
  who.set_auth(access == nullptr ? "none" : "tokens");
  return who;
}

absl::Status AuthIsOff() {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      "descentd runs with --auth none: everybody who reaches it is an admin, and there "
      "are no tokens",
      reason::kAuthOff);
}

absl::StatusOr<Caller> IdentifyCaller(Access* access, const Access::Claim& claim) {
  absl::StatusOr<Caller> caller =
      access == nullptr ? LoopbackCaller(claim.principal) : access->Identify(claim);
  if (caller.ok()) caller->trace = claim.trace;
  return caller;
}

}  // namespace descent::daemon
