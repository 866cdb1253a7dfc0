#include "server/common/loop.h"

#include <chrono>

namespace descent::server {

Loop::Loop(const Clock* clock) : clock_(clock), thread_([this] { Run(); }) {}

Loop::~Loop() { Stop(); }

void Loop::Post(std::function<void()> task) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  tasks_.push_back(std::move(task));
  changed_.Signal();
}

void Loop::PostAfter(int64_t nanos, std::function<void()> task) {
  PostAt(clock_->MonotonicNanos() + nanos, std::move(task));
}

void Loop::PostAt(int64_t deadline, std::function<void()> task) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  timers_.emplace(std::pair(deadline, timer_count_++), std::move(task));
  changed_.Signal();
}

void Loop::Wake() {
  MutexLock lock(mutex_);
  changed_.Signal();
}

void Loop::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  if (thread_.joinable()) thread_.join();
  // What tasks and timers hold may post when it is destroyed, so it is let go of without the lock.
  std::map<std::pair<int64_t, int64_t>, std::function<void()>> timers;
  {
    MutexLock lock(mutex_);
    timers.swap(timers_);
  }
}

void Loop::Run() {
  while (true) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      while (true) {
        // Timers that are due queue up behind what was posted before, and are not starved by it.
        const int64_t now = timers_.empty() ? 0 : clock_->MonotonicNanos();
        while (!timers_.empty() && timers_.begin()->first.first <= now) {
          tasks_.push_back(std::move(timers_.begin()->second));
          timers_.erase(timers_.begin());
        }
        if (!tasks_.empty()) break;
        if (stopping_) return;
        if (timers_.empty()) {
          changed_.Wait(mutex_);
        } else {
          changed_.WaitFor(mutex_, std::chrono::nanoseconds(timers_.begin()->first.first - now));
        }
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace descent::server
