// A `Loop` is a thread that runs tasks in the order of posting, and timers when the clock says so.
// What is confined to it needs no lock. A task must not wait for other tasks of the same loop, nor
// throw. Thread-safe.
#ifndef DESCENT_SERVER_COMMON_LOOP_H_
#define DESCENT_SERVER_COMMON_LOOP_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"

namespace descent::server {

class Loop {
 public:
  // `clock` must outlive the loop.
  explicit Loop(const Clock* clock);
  // Does what Stop does.
  ~Loop();

  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Has the task run; after Stop it is dropped.
  void Post(std::function<void()> task) ABSL_LOCKS_EXCLUDED(mutex_);
  void PostAfter(int64_t nanos, std::function<void()> task) ABSL_LOCKS_EXCLUDED(mutex_);
  // Has the task run at that time of the clock's monotonic time.
  void PostAt(int64_t monotonic_nanos, std::function<void()> task) ABSL_LOCKS_EXCLUDED(mutex_);

  // Looks at the clock again, for tests that turned it.
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_);

  // Runs what is posted, without the timers, and joins. Must not be called from a task. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);

  const Clock* const clock_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  // The timers by deadline, then by order of posting.
  std::map<std::pair<int64_t, int64_t>, std::function<void()>> timers_ ABSL_GUARDED_BY(mutex_);
  int64_t timer_count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses what is above
};

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_LOOP_H_
