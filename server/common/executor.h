// An `Executor` is a fixed number of threads that run what is posted, in the order of posting. It
// is for work that must not run on the threads of gRPC, HTTP, the journal or the jobs' loop:
// reading the store, looking at files, composing messages. Thread-safe. What is posted must not
// throw.
#ifndef DESCENT_SERVER_COMMON_EXECUTOR_H_
#define DESCENT_SERVER_COMMON_EXECUTOR_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/common/mutex.h"

namespace descent::server {

class Executor {
 public:
  explicit Executor(int threads);
  // Does what Stop does.
  ~Executor();

  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Has the task run; after Stop it is dropped.
  void Post(std::function<void()> task) ABSL_LOCKS_EXCLUDED(mutex_);

  // Runs what was posted, and what that posts, then joins. Must not be called from a task.
  // Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // last: they use what is above
};

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_EXECUTOR_H_
