#include "client/cpp/clock.h"

#include "absl/time/clock.h"

namespace descent::client {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }

  void Sleep(absl::Duration duration, const absl::Notification* stop) override {
    if (stop != nullptr) {
      stop->WaitForNotificationWithTimeout(duration);
    } else {
      absl::SleepFor(duration);
    }
  }
};

}  // namespace

Clock* Clock::Real() {
  static RealClock& clock = *new RealClock;
  return &clock;
}

}  // namespace descent::client
