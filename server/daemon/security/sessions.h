// `Sessions` are what browsers are let in by: each acts as whoever opened it, or drew the code that
// did. They are in memory alone, so that none outlives the daemon. Thread-safe.
//
// Of one credential there may be kMostOfOne sessions, and as many codes: a further one ends the
// oldest. Of all together kMost; then nobody gets another before some have expired.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_SESSIONS_H_
#define DESCENT_SERVER_DAEMON_SECURITY_SESSIONS_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class Sessions {
 public:
  static constexpr size_t kMostOfOne = 32;
  static constexpr size_t kMost = 4096;

  // Codes and sessions are good for so many nanoseconds. `clock` must outlive it.
  Sessions(int64_t code_nanos, int64_t session_nanos, const server::Clock* clock)
      : codes_{.nanos = code_nanos}, sessions_{.nanos = session_nanos}, clock_(clock) {}

  // Draws a code by which somebody may act as this caller, once. RESOURCE_EXHAUSTED
  // (`TOO_MANY_TOKENS`), here and below, if there are too many; UNAVAILABLE if there is no chance.
  absl::StatusOr<std::string> DrawCode(const Caller& caller) ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives the caller who drew this code, which is good no longer; or nothing.
  std::optional<Caller> Redeem(std::string_view code) ABSL_LOCKS_EXCLUDED(mutex_);

  // Opens a session that acts as this caller, and gives its secret.
  absl::StatusOr<std::string> Open(const Caller& caller) ABSL_LOCKS_EXCLUDED(mutex_);

  // A session that is open.
  struct Session {
    Caller caller;               // whom it acts as, `session:ID` being the credential
    std::string opened_by = {};  // the credential of whoever opened it
  };
  // Give it, by its secret and by its id; or nothing.
  std::optional<Session> Find(std::string_view secret) const ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Session> Get(std::string_view id) const ABSL_LOCKS_EXCLUDED(mutex_);
  void Close(std::string_view id) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    std::string id;
    std::string hash;
    Caller caller;  // as he came
    int64_t end = 0;
  };
  struct Shelf {
    const int64_t nanos;
    std::list<Entry> entries = {};  // the oldest first
  };

  absl::StatusOr<std::string> Add(const Caller& caller, Shelf* shelf)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static Session ToSession(const Entry& entry);

  mutable server::Mutex mutex_;
  Shelf codes_ ABSL_GUARDED_BY(mutex_);
  Shelf sessions_ ABSL_GUARDED_BY(mutex_);
  const server::Clock* const clock_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_SESSIONS_H_
