// A `RefusalLog` tells the log who was turned away, once a second at most, with how many there
// were: whoever guesses tokens fills no disk, and nobody is locked out. Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_REFUSAL_LOG_H_
#define DESCENT_SERVER_DAEMON_SECURITY_REFUSAL_LOG_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"

namespace descent::daemon {

class RefusalLog {
 public:
  // `clock` must outlive it.
  explicit RefusalLog(const server::Clock* clock) : clock_(clock) {}

  // Somebody, from there, was turned away. `why` holds nothing of what he brought.
  void Add(std::string_view why, std::string_view from) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const server::Clock* const clock_;
  server::Mutex mutex_;
  std::optional<int64_t> last_line_ ABSL_GUARDED_BY(mutex_);
  int64_t untold_ ABSL_GUARDED_BY(mutex_) = 0;  // since that line
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_REFUSAL_LOG_H_
