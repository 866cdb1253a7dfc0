#include "server/common/clock.h"

#include <chrono>

namespace descent::server {
namespace {

template <class StdClock>
int64_t NanosOf() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(StdClock::now().time_since_epoch())
      .count();
}

class RealClock : public Clock {
 public:
  int64_t WallNanos() const override { return NanosOf<std::chrono::system_clock>(); }
  int64_t MonotonicNanos() const override { return NanosOf<std::chrono::steady_clock>(); }
};

}  // namespace

Clock* Clock::Real() {
  static RealClock* const clock = new RealClock;
  return clock;
}

}  // namespace descent::server
