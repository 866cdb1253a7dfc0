#ifndef DESCENT_SERVER_COMMON_CLOCK_H_
#define DESCENT_SERVER_COMMON_CLOCK_H_

#include <cstdint>

namespace descent::server {

// In nanoseconds.
inline constexpr int64_t kSecond = 1'000'000'000;

// Where the daemon and the worker get the time from, so that tests turn it themselves. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds since 1970, UTC: for what people read. May jump, also backwards.
  virtual int64_t WallNanos() const = 0;

  // Nanoseconds since some fixed moment: for durations and deadlines. Never goes back.
  virtual int64_t MonotonicNanos() const = 0;

  // The machine's. Lives for ever.
  static Clock* Real();
};

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_CLOCK_H_
