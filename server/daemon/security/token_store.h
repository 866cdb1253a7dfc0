// `TokenStore` keeps a daemon's tokens in a file, by their hashes: whoever reads it can't bring
// one. The file is replaced in one piece, and what was made or revoked is on the disk before
// anybody is told. At most kMostTokens; those that are revoked or have expired give their places.
// Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_TOKEN_STORE_H_
#define DESCENT_SERVER_DAEMON_SECURITY_TOKEN_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

// What is known of a token. Times are nanoseconds since 1970; 0: never.
struct StoredToken {
  std::string id = {};
  std::string hash = {};
  Role role = Role::kMetrics;
  std::string owner = {};  // empty: an admin's who says himself who he is
  std::vector<std::string> groups = {};
  int64_t created = 0;
  int64_t expires = 0;
  int64_t revoked = 0;
  bool is_first = false;  // the one that the daemon makes for its user
  int64_t last_used = 0;  // since the daemon's start; not kept

  bool IsGood(int64_t now) const { return revoked == 0 && (expires == 0 || now < expires); }
};

class TokenStore {
 public:
  static constexpr size_t kMostTokens = 1000;

  // Opens the file, or begins an empty one where there is none. DATA_LOSS says what is damaged in
  // it, and what to do. `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<TokenStore>> Open(const std::string& path,
                                                          const server::Clock* clock);

  struct Made {
    std::string secret;
    StoredToken token;
  };
  // Makes a token with the role, owner, groups and `is_first` of this one, which expires after
  // `ttl_seconds` (0: never). A token below an admin's that has no owner gets one of its own,
  // `token-{id}`. RESOURCE_EXHAUSTED (`TOO_MANY_TOKENS`): as many are good; or as WritePrivateFile.
  absl::StatusOr<Made> Create(StoredToken token, int64_t ttl_seconds)
      ABSL_LOCKS_EXCLUDED(writing_, mutex_);

  // From now on it lets nobody in, even if that could not be kept, which the error says: then it
  // is to be revoked again. NOT_FOUND (`TOKEN_NOT_FOUND`).
  absl::Status Revoke(const std::string& id) ABSL_LOCKS_EXCLUDED(writing_, mutex_);

  // Gives the token of this secret, good or not, and marks it as used; or nothing. All hashes are
  // compared, each in constant time.
  std::optional<StoredToken> Find(std::string_view secret) ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<StoredToken> Get(std::string_view id) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives all, the oldest first.
  std::vector<StoredToken> All() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  TokenStore(std::string path, std::vector<StoredToken> tokens, const server::Clock* clock)
      : path_(std::move(path)), clock_(clock), tokens_(std::move(tokens)) {}

  const std::string path_;
  const server::Clock* const clock_;
  // It is held for a change and its writing, so that nobody who only asks waits for the disk.
  server::Mutex writing_;
  mutable server::Mutex mutex_ ABSL_ACQUIRED_AFTER(writing_);
  std::vector<StoredToken> tokens_ ABSL_GUARDED_BY(mutex_);  // the oldest first
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_TOKEN_STORE_H_
