// A `Prefetcher` has a thread of its own that makes batches ahead of the one that is asked for, in
// a ring of buffers. One thread at a time asks.
#ifndef DESCENT_CORE_DATA_PREFETCH_H_
#define DESCENT_CORE_DATA_PREFETCH_H_

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/data/batch_maker.h"

namespace descent {

class Prefetcher {
 public:
  // Starts the thread, which keeps `ahead` ≥ 1 batches beyond the one that was asked for last.
  Prefetcher(BatchMaker maker, int64_t ahead);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // Gives batch k, whichever it is, and waits for it. It stays as it is until the next call. Throws
  // what making it threw.
  const Batch& At(int64_t k);

 private:
  struct Slot {
    BatchMaker::Buffers buffers;
    const Batch* batch = nullptr;
  };

  Slot& SlotOf(int64_t k) { return slots_[static_cast<size_t>(k) % slots_.size()]; }
  void Run();

  BatchMaker maker_;  // used by the thread alone
  std::vector<Slot> slots_;
  std::mutex mutex_;
  // All that follows is guarded by mutex_; so is a slot, unless the thread is making its batch.
  std::condition_variable changed_;
  int64_t taken_ = -1;    // the batch that is in use; −1: none
  int64_t next_ = 0;      // the batch that the thread makes next; all from taken_ on are made
  bool making_ = false;   // the thread is making next_
  bool waiting_ = false;  // somebody waits for the thread
  bool stop_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_PREFETCH_H_
