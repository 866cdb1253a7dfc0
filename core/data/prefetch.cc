#include "core/data/prefetch.h"

#include <utility>

namespace descent {

Prefetcher::Prefetcher(BatchMaker maker, int64_t ahead)
    : maker_(std::move(maker)), slots_(static_cast<size_t>(ahead) + 1) {
  for (Slot& slot : slots_) slot.buffers = maker_.MakeBuffers();
  thread_ = std::thread([this] { Run(); });
}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

const Batch& Prefetcher::At(int64_t k) {
  std::unique_lock lock(mutex_);
  const auto wait_until = [&](auto condition) {
    waiting_ = true;
    changed_.wait(lock, condition);
    waiting_ = false;
  };
  if (taken_ < 0 || k < taken_ || k > next_) {  // it is not the next one: the run has jumped
    taken_ = -1;                                // the thread starts nothing more
    wait_until([&] { return !making_; });
    next_ = k;
    error_ = nullptr;
  }
  taken_ = k;
  changed_.notify_all();
  wait_until([&] { return next_ > k || error_; });
  if (next_ <= k) {
    taken_ = -1;
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
  return *SlotOf(k).batch;
}

void Prefetcher::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    // The batch must not go into the slot that is in use.
    changed_.wait(lock, [&] {
      return stop_ ||
             (taken_ >= 0 && !error_ && next_ < taken_ + static_cast<int64_t>(slots_.size()));
    });
    if (stop_) return;
    const int64_t k = next_;
    Slot& slot = SlotOf(k);
    making_ = true;
    lock.unlock();
    std::exception_ptr error;
    try {
      slot.batch = &maker_.Make(k, &slot.buffers);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    making_ = false;
    if (error) {
      error_ = error;
    } else {
      ++next_;
    }
    if (waiting_) changed_.notify_all();
  }
}

}  // namespace descent
