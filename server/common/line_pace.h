// A `LinePace` has a line of the log told once a second at most, with how many were not: what
// strangers can cause fills no disk. Thread-safe.
#ifndef DESCENT_SERVER_COMMON_LINE_PACE_H_
#define DESCENT_SERVER_COMMON_LINE_PACE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"

namespace descent::server {

class LinePace {
 public:
  // Something happened, at `now` by the monotonic clock. Gives what to add to the line that tells
  // it; nothing if none does.
  std::optional<std::string> Take(int64_t now) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    if (last_line_ && now - *last_line_ < kSecond) {
      ++untold_;
      return std::nullopt;
    }
    last_line_ = now;
    const int64_t untold = std::exchange(untold_, 0);
    if (untold == 0) return "";
    return "; " + std::to_string(untold) + " others since the line before";
  }

 private:
  Mutex mutex_;
  std::optional<int64_t> last_line_ ABSL_GUARDED_BY(mutex_);
  int64_t untold_ ABSL_GUARDED_BY(mutex_) = 0;  // since that line
};

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_LINE_PACE_H_
