#include "server/daemon/journal/tail.h"

#include <algorithm>

namespace descent::daemon {
namespace {

using server::MutexLock;

int64_t Size(const RowPtr& row) { return static_cast<int64_t>(row->entries.size()); }

}  // namespace

void Tail::SetHead(int64_t head_revision) {
  MutexLock lock(mutex_);
  head_revision_.store(head_revision, std::memory_order_release);
}

void Tail::Publish(const std::vector<RowPtr>& rows) {
  if (rows.empty()) return;
  std::vector<RowPtr> dropped;  // freed without the lock
  MutexLock lock(mutex_);
  for (const RowPtr& row : rows) {
    rows_.push_back(row);
    bytes_ += Size(row);
  }
  while (rows_.size() > 1 && bytes_ > max_bytes_) {
    dropped.push_back(rows_.front());
    PopFront();
  }
  head_revision_.store(rows.back()->last_revision, std::memory_order_release);
}

std::optional<std::vector<RowPtr>> Tail::After(int64_t after_revision, int64_t max_bytes) const {
  std::vector<RowPtr> result;
  MutexLock lock(mutex_);
  if (after_revision >= head_revision_.load(std::memory_order_relaxed)) return result;
  if (rows_.empty() || rows_.front()->first_revision > after_revision + 1) return std::nullopt;
  auto row = std::partition_point(rows_.begin(), rows_.end(), [&](const RowPtr& r) {
    return r->last_revision <= after_revision;
  });
  for (int64_t bytes = 0; row != rows_.end() && (result.empty() || bytes + Size(*row) <= max_bytes);
       ++row) {
    bytes += Size(*row);
    result.push_back(*row);
  }
  return result;
}

void Tail::DropThrough(int64_t revision) {
  MutexLock lock(mutex_);
  while (!rows_.empty() && rows_.front()->first_revision <= revision) PopFront();
}

void Tail::Clear() {
  std::deque<RowPtr> dropped;
  MutexLock lock(mutex_);
  dropped.swap(rows_);
  bytes_ = 0;
}

int64_t Tail::bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}

void Tail::PopFront() {
  bytes_ -= Size(rows_.front());
  rows_.pop_front();
}

}  // namespace descent::daemon
