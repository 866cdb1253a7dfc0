// `Pace` says how often each of those who watch live is sent a message, so that all of them
// together take no more than about 2,000 a second: a message costs a fixed 50 to 80 µs, here and at
// the client, and on a small machine that is training's time.
//
// One watcher is never held up; eight get their news every 4 ms, 64 every 32 ms, and 100 or more
// every 50 ms, more in each message. Everybody's turn comes at the same moments, so that one
// wake-up serves all. Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_API_PACE_H_
#define DESCENT_SERVER_DAEMON_API_PACE_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "server/common/mutex.h"

namespace descent::daemon {

class Pace {
 public:
  static constexpr int64_t kNanosPerMessage = 500'000;
  static constexpr int64_t kMaxInterval = 50'000'000;

  // A watcher is about to send, at `now`; `*last_window` is that watcher's own (−1 at first). Gives
  // how long, in nanoseconds, it should wait from then until it sends again.
  int64_t Send(int64_t now, int64_t* last_window) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  server::Mutex mutex_;
  // How many watchers have sent something, counted over windows of 100 ms.
  int64_t window_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t senders_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t earlier_senders_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_PACE_H_
