// How a call is made again. One thread at a time.
#ifndef DESCENT_CLIENT_CPP_RETRY_H_
#define DESCENT_CLIENT_CPP_RETRY_H_

#include <algorithm>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/clock.h"

namespace descent::client {

// Says how long to wait before each further attempt: twice as long as before the last one, up to a
// limit. A value.
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration longest) : next_(first), longest_(longest) {}

  // Gives what the next Take gives.
  absl::Duration next() const { return next_; }
  absl::Duration Take() {
    const absl::Duration wait = next_;
    next_ = std::min(next_ * 2, longest_);
    return wait;
  }

 private:
  absl::Duration next_;
  absl::Duration longest_;
};

// Makes a call, `attempt()`, again and again while it gives UNAVAILABLE; gives the first other
// result, or the last one when the next attempt would be later than `give_up`.
template <class Attempt>
auto Retry(Clock* clock, absl::Time give_up, Backoff backoff, Attempt attempt)
    -> decltype(attempt()) {
  while (true) {
    auto result = attempt();
    if (!absl::IsUnavailable(result.status()) || clock->Now() + backoff.next() > give_up) {
      return result;
    }
    clock->Sleep(backoff.Take());
  }
}

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_RETRY_H_
