// `ComputingTime` is a run's computing time: that of all its attempts, but for pauses. One thread
// at a time.
#ifndef DESCENT_SERVER_WORKER_SESSION_COMPUTING_TIME_H_
#define DESCENT_SERVER_WORKER_SESSION_COMPUTING_TIME_H_

#include <cstdint>

#include "server/common/clock.h"

namespace descent::worker {

class ComputingTime {
 public:
  // Starts now; `before` is the seconds of the attempts up to this one's start.
  ComputingTime(const server::Clock* clock, double before)
      : clock_(clock), before_(before), began_nanos_(clock->MonotonicNanos()) {}

  double Seconds() const {
    return before_ +
           static_cast<double>(clock_->MonotonicNanos() - began_nanos_ - paused_nanos_) * 1e-9;
  }

  // The time doesn't count for as long as a pause lives.
  class Pause {
   public:
    explicit Pause(ComputingTime* time)
        : time_(time), since_nanos_(time->clock_->MonotonicNanos()) {}
    ~Pause() { time_->paused_nanos_ += time_->clock_->MonotonicNanos() - since_nanos_; }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    ComputingTime* const time_;
    const int64_t since_nanos_;
  };

 private:
  const server::Clock* const clock_;
  const double before_;
  const int64_t began_nanos_;
  int64_t paused_nanos_ = 0;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_COMPUTING_TIME_H_
