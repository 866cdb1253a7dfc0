// An `Inbox` holds what the daemon (or a signal) asks of the worker, in order of arrival. The
// trainer looks at every iteration boundary, which costs one relaxed load while there is nothing.
// Thread-safe.
#ifndef DESCENT_SERVER_WORKER_SESSION_INBOX_H_
#define DESCENT_SERVER_WORKER_SESSION_INBOX_H_

#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/common/mutex.h"

namespace descent::worker {

class Inbox {
 public:
  // Takes Validate, Predict and what follows it, Start, DeliverCommand or Leave; for a spare
  // Welcome too.
  void Put(v1::DaemonMessage message) {
    server::MutexLock lock(mutex_);
    messages_.push_back(std::move(message));
    // Relaxed will do: the mutex orders the message itself, and a trainer may see it one boundary
    // later.
    has_news_.store(true, std::memory_order_relaxed);
    arrived_.Signal();
  }

  bool HasNews() const { return has_news_.load(std::memory_order_relaxed); }

  std::optional<v1::DaemonMessage> TryTake() {
    server::MutexLock lock(mutex_);
    return TakeLocked();
  }

  // Waits for the next message, and takes it.
  v1::DaemonMessage Take() {
    server::MutexLock lock(mutex_);
    while (messages_.empty()) arrived_.Wait(mutex_);
    return *TakeLocked();
  }

  // Waits until there is a message, at most so long.
  void WaitFor(std::chrono::nanoseconds timeout) {
    server::MutexLock lock(mutex_);
    if (messages_.empty()) arrived_.WaitFor(mutex_, timeout);
  }

  // Waits until there is a message.
  void Wait() {
    server::MutexLock lock(mutex_);
    while (messages_.empty()) arrived_.Wait(mutex_);
  }

 private:
  std::optional<v1::DaemonMessage> TakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (messages_.empty()) return std::nullopt;
    std::optional<v1::DaemonMessage> message = std::move(messages_.front());
    messages_.pop_front();
    if (messages_.empty()) has_news_.store(false, std::memory_order_relaxed);
    return message;
  }

  std::atomic<bool> has_news_ = false;
  server::Mutex mutex_;
  server::CondVar arrived_;
  std::deque<v1::DaemonMessage> messages_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_INBOX_H_
