// `RequestCounts` are what the requests of one way in came to: how many of each method were
// answered with which code, and how long that took. Thread-safe.
//
// A watch is counted when it has been opened, a prediction when it has ended. Not counted is what
// no method heard of: callers without a token (Access::statistics), requests that can't be read;
// nor an answer that nobody waits for any more.
#ifndef DESCENT_SERVER_DAEMON_REQUESTS_REQUEST_COUNTS_H_
#define DESCENT_SERVER_DAEMON_REQUESTS_REQUEST_COUNTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"
#include "server/daemon/audit/audit_log.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class RequestCounts {
 public:
  // The histogram's bounds, in seconds: a read of memory, a commit, a read of the store, then what
  // a validation or a prediction takes.
  static constexpr std::array<double, 7> kBounds = {0.001, 0.01, 0.1, 1, 10, 60, 300};

  // Of one method. Answers within each bound, not cumulative; the last are beyond all of them.
  struct Method {
    std::map<std::string, int64_t> codes;  // by `OK`, `NOT_FOUND`, …
    std::array<int64_t, kBounds.size() + 1> within = {};
    double seconds = 0;  // of all together
  };

  // `clock` must outlive it.
  explicit RequestCounts(const server::Clock* clock = server::Clock::Real()) : clock_(clock) {}

  // Gives the moment that Add is told of.
  int64_t Now() const { return clock_->MonotonicNanos(); }
  // A request that had begun at that moment was answered with `code`. `method` is one of
  // TrainingService's, DatasetService's or TokenService's.
  void Add(std::string_view method, absl::StatusCode code, int64_t begun_nanos)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives all that were asked for, by name.
  std::map<std::string, Method, std::less<>> methods() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const server::Clock* const clock_;
  mutable server::Mutex mutex_;
  std::map<std::string, Method, std::less<>> methods_ ABSL_GUARDED_BY(mutex_);
};

// One request under way, of which its answer is counted; and written down, if its caller may not. A
// value; thread-safe. Counts nothing where `counts` is null, writes nothing where `audit` is, else
// they must outlive it.
class CountedRequest {
 public:
  // `method` is text that lives for ever; `job` is the name of the one that it is about, if it is.
  CountedRequest(RequestCounts* counts, std::string_view method, AuditLog* audit = nullptr,
                 const Caller& caller = {}, const std::string& job = "")
      : counts_(counts),
        method_(method),
        begun_(counts == nullptr ? 0 : counts->Now()),
        audit_(audit),
        caller_(caller),
        job_(job) {}

  void End(const absl::Status& status) const;
  // Counts an answer on its way.
  template <class Response>
  absl::StatusOr<Response> Ended(absl::StatusOr<Response> result) const {
    End(result.status());
    return result;
  }

 private:
  RequestCounts* counts_;
  std::string_view method_;
  int64_t begun_;
  AuditLog* audit_;
  Caller caller_;
  std::string job_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_REQUESTS_REQUEST_COUNTS_H_
