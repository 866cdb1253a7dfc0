// A `Clock` is where the client library gets the time from and how it waits, so that tests turn the
// time themselves. Thread-safe.
#ifndef DESCENT_CLIENT_CPP_CLOCK_H_
#define DESCENT_CLIENT_CPP_CLOCK_H_

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace descent::client {

class Clock {
 public:
  virtual ~Clock() = default;

  virtual absl::Time Now() const = 0;

  // Waits until so much time has passed, or `stop` (if any) was notified.
  virtual void Sleep(absl::Duration duration, const absl::Notification* stop) = 0;
  void Sleep(absl::Duration duration) { Sleep(duration, nullptr); }

  // The machine's clock, which lives for ever.
  static Clock* Real();
};

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_CLOCK_H_
