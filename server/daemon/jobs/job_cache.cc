#include "server/daemon/jobs/job_cache.h"

#include <iterator>
#include <utility>

namespace descent::daemon {

using server::MutexLock;

std::shared_ptr<const v1::Job> JobCache::Find(const std::string& key) {
  MutexLock lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->job;
}

void JobCache::Put(const std::string& key, v1::Job job) {
  Entry entry{.key = key,
              .job = std::make_shared<const v1::Job>(std::move(job)),
              .bytes = static_cast<int64_t>(key.size())};
  entry.bytes += static_cast<int64_t>(entry.job->SpaceUsedLong());
  MutexLock lock(mutex_);
  if (const auto found = index_.find(key); found != index_.end()) Remove(found->second);
  if (entry.bytes > max_bytes_) return;
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  index_[key] = entries_.begin();
  while (bytes_ > max_bytes_) Remove(std::prev(entries_.end()));
}

void JobCache::Erase(const std::string& key) {
  MutexLock lock(mutex_);
  if (const auto found = index_.find(key); found != index_.end()) Remove(found->second);
}

void JobCache::Remove(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace descent::daemon
