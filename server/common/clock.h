// The clock of daemon and worker, which tests turn themselves.
#ifndef DESCENT_SERVER_COMMON_CLOCK_H_
#define DESCENT_SERVER_COMMON_CLOCK_H_

#include <cstdint>

namespace descent::server {

// A second in nanoseconds.
inline constexpr int64_t kSecond = 1'000'000'000;

// Where the daemon and the worker get the time from. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Gives nanoseconds since 1970, UTC, for what people read. It may jump, also backwards.
  virtual int64_t WallNanos() const = 0;

  // Gives nanoseconds since some fixed moment, for durations and deadlines. It never goes back.
  virtual int64_t MonotonicNanos() const = 0;

  // The machine's clock, which lives for ever.
  static Clock* Real();
};

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_CLOCK_H_
