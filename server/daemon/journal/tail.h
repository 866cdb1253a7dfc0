// A `Tail` is the newest rows of one journal, in memory, for watchers that keep up; and where the
// journal ends. Thread-safe; no call blocks for longer than a few pointer copies.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_TAIL_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_TAIL_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "server/common/mutex.h"
#include "server/daemon/journal/row.h"

namespace descent::daemon {

class Tail {
 public:
  // Keeps at most `max_bytes` of entries, but always the last row published.
  explicit Tail(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Says where a journal read from the store ends.
  void SetHead(int64_t head_revision);

  // Adds durable rows, which follow the head, and moves the head to the last of them.
  void Publish(const std::vector<RowPtr>& rows);

  // Gives rows after `after_revision`, at least one if there is any, then up to `max_bytes`. Empty
  // if the cursor is at the head; nullopt if the memory does not reach back that far.
  std::optional<std::vector<RowPtr>> After(int64_t after_revision, int64_t max_bytes) const;

  // Forgets rows up to this revision (they are being thinned), or all.
  void DropThrough(int64_t revision);
  void Clear();

  int64_t head_revision() const { return head_revision_.load(std::memory_order_acquire); }
  int64_t bytes() const;

 private:
  void PopFront() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t max_bytes_;
  mutable server::Mutex mutex_;
  std::deque<RowPtr> rows_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<int64_t> head_revision_{0};  // written with mutex_ held
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_TAIL_H_
