// A `LaunchBackoff` says how long the next launch of a spare waits: the longer, the more failed in
// a row that had nothing to do (0.1 s, doubled up to 10 s). Times are monotonic nanoseconds. One
// thread at a time.
#ifndef DESCENT_SERVER_DAEMON_WORKERS_LAUNCH_BACKOFF_H_
#define DESCENT_SERVER_DAEMON_WORKERS_LAUNCH_BACKOFF_H_

#include <algorithm>
#include <cstdint>

#include "server/common/clock.h"

namespace descent::daemon {

class LaunchBackoff {
 public:
  // Notes that a spare was given a job.
  void Used() { failures_ = 0; }

  // Notes that a spare ended that had nothing to do, after a time that was healthy, or not.
  void Ended(bool was_healthy, int64_t now) {
    failures_ = was_healthy ? 0 : failures_ + 1;
    if (failures_ > 0) after_ = now + Pause(failures_ - 1);
  }

  // Notes that no process could be started.
  void Failed(int64_t now) { after_ = now + Pause(++failures_); }

  // Notes that none could be started for want of a descriptor: others close theirs, so there may be
  // room at any moment.
  void FailedForDescriptors(int64_t now) { after_ = now + kFirst; }

  // Gives the time from now until the next launch; 0 or less if there is no wait.
  int64_t Wait(int64_t now) const { return after_ - now; }

 private:
  static constexpr int64_t kFirst = server::kSecond / 10;
  static constexpr int64_t kLongest = 10 * server::kSecond;

  static int64_t Pause(int doublings) {
    return std::min(kLongest, kFirst << std::min(doublings, 20));
  }

  int failures_ = 0;  // in a row
  int64_t after_ = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_LAUNCH_BACKOFF_H_
