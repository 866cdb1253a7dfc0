#include "server/daemon/security/token_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/files/private_file.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/common/regular_file.h"
#include "server/daemon/security/secret_text.h"
#include "server/daemon/security/token_file.h"

namespace descent::daemon {
namespace {

// Gives the code of a file that could not be written: UNAVAILABLE would be a daemon that is away,
// and have clients try again.
absl::StatusCode CodeOf(const absl::Status& status) {
  return absl::IsUnavailable(status) ? absl::StatusCode::kInternal : status.code();
}

// So long is the longest that Create makes, and more than twice that.
constexpr size_t kMostFileBytes = 16 << 20;

absl::Status Damaged(const std::string& path, const absl::Status& why) {
  return absl::DataLossError(absl::StrCat(
      path, " is damaged: ", std::string(why.message()),
      ". Put it back from a copy; or move it away, and descentd begins without it: every token "
      "is void then, and admin.token is made anew"));
}

}  // namespace

using server::MutexLock;

absl::StatusOr<std::unique_ptr<TokenStore>> TokenStore::Open(const std::string& path,
                                                             const server::Clock* clock) {
  std::vector<StoredToken> tokens;
  const absl::StatusOr<std::string> text = server::ReadRegularFile(path, kMostFileBytes);
  if (!text.ok() && !absl::IsNotFound(text.status())) {
    if (absl::IsOutOfRange(text.status())) return Damaged(path, text.status());
    if (absl::IsFailedPrecondition(text.status())) return text.status();
    return absl::Status(text.status().code(),
                        absl::StrCat(std::string(text.status().message()),
                                     "; see that the daemon's user may read it"));
  }
  if (text.ok()) {
    absl::StatusOr<std::vector<StoredToken>> read = ParseTokens(*text);
    if (!read.ok()) return Damaged(path, read.status());
    tokens = *std::move(read);
  }
  return std::unique_ptr<TokenStore>(new TokenStore(path, std::move(tokens), clock));
}

absl::StatusOr<TokenStore::Made> TokenStore::Create(StoredToken token, int64_t ttl_seconds) {
  absl::StatusOr<std::string> secret = DrawSecret();
  if (!secret.ok()) return secret.status();
  const int64_t now = clock_->WallNanos();
  token.hash = HashOfSecret(*secret);
  token.created = now;
  token.expires = ttl_seconds == 0 ? 0 : now + ttl_seconds * server::kSecond;
  token.revoked = 0;
  MutexLock writing(writing_);
  std::vector<StoredToken> tokens = All();
  const auto is_taken = [&tokens](const std::string& id) {
    return std::ranges::any_of(tokens, [&id](const StoredToken& other) { return other.id == id; });
  };
  do {
    absl::StatusOr<std::string> id = DrawCredentialId();
    if (!id.ok()) return id.status();
    token.id = *std::move(id);
  } while (is_taken(token.id));
  if (token.owner.empty() && token.role != Role::kAdmin) {
    token.owner = absl::StrCat("token-", token.id);
  }
  while (tokens.size() >= kMostTokens) {
    const auto dead = std::ranges::find_if(
        tokens, [now](const StoredToken& other) { return !other.IsGood(now); });
    // Without the first one nobody could come and revoke others.
    if (dead == tokens.end() && token.is_first) break;
    if (dead == tokens.end()) {
      return MakeError(absl::StatusCode::kResourceExhausted,
                       absl::StrCat("there are ", tokens.size(),
                                    " tokens, as many as there may be; revoke some first"),
                       reason::kTooManyTokens);
    }
    tokens.erase(dead);
  }
  tokens.push_back(token);
  if (absl::Status status = WritePrivateFile(path_, FormatTokens(tokens)); !status.ok()) {
    return absl::Status(CodeOf(status),
                        absl::StrCat("No token was made. ", std::string(status.message())));
  }
  MutexLock lock(mutex_);
  tokens_ = std::move(tokens);
  return Made{.secret = *std::move(secret), .token = std::move(token)};
}

absl::Status TokenStore::Revoke(const std::string& id) {
  MutexLock writing(writing_);
  {
    MutexLock lock(mutex_);
    const auto found = std::ranges::find(tokens_, id, &StoredToken::id);
    if (found == tokens_.end()) {
      return MakeError(absl::StatusCode::kNotFound,
                       absl::StrCat("there is no token ", id, "; ListTokens has their ids"),
                       reason::kTokenNotFound);
    }
    if (found->revoked == 0) found->revoked = std::max<int64_t>(clock_->WallNanos(), 1);
  }
  // One that was revoked before is written too: that may have failed then.
  absl::Status status = WritePrivateFile(path_, FormatTokens(All()));
  if (status.ok()) return status;
  return absl::Status(
      CodeOf(status),
      absl::StrCat("The token ", id, " lets nobody in from now on, but that could not be kept: ",
                   std::string(status.message()),
                   ". Revoke it again when that is mended, else a restart has it back"));
}

std::optional<StoredToken> TokenStore::Find(std::string_view secret) {
  if (!IsSecretText(secret)) return std::nullopt;
  const std::string hash = HashOfSecret(secret);
  MutexLock lock(mutex_);
  StoredToken* found = nullptr;
  for (StoredToken& token : tokens_) {
    if (SameHash(token.hash, hash)) found = &token;
  }
  if (found == nullptr) return std::nullopt;
  found->last_used = clock_->WallNanos();
  return *found;
}

std::optional<StoredToken> TokenStore::Get(std::string_view id) const {
  MutexLock lock(mutex_);
  const auto found = std::ranges::find(tokens_, id, &StoredToken::id);
  if (found == tokens_.end()) return std::nullopt;
  return *found;
}

std::vector<StoredToken> TokenStore::All() const {
  MutexLock lock(mutex_);
  return tokens_;
}

}  // namespace descent::daemon
