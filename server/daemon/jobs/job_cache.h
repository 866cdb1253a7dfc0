// A `JobCache` has jobs that are over, as they were read last: the store has them, and nothing else
// in memory does. It is bounded in bytes; the one that was not asked for for the longest goes
// first. Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_JOBS_JOB_CACHE_H_
#define DESCENT_SERVER_DAEMON_JOBS_JOB_CACHE_H_

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "descent/v1/training_service.pb.h"
#include "server/common/mutex.h"

namespace descent::daemon {

class JobCache {
 public:
  // `max_bytes` are those in memory, not on the wire.
  explicit JobCache(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Gives the job, or null if it is not here.
  std::shared_ptr<const v1::Job> Find(const std::string& key) ABSL_LOCKS_EXCLUDED(mutex_);
  // Puts it in place of what the key had. One that is larger than all that may be here is not kept.
  void Put(const std::string& key, v1::Job job) ABSL_LOCKS_EXCLUDED(mutex_);
  void Erase(const std::string& key) ABSL_LOCKS_EXCLUDED(mutex_);

  int64_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_) {
    server::MutexLock lock(mutex_);
    return bytes_;
  }

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const v1::Job> job;
    int64_t bytes = 0;
  };
  using Entries = std::list<Entry>;

  void Remove(Entries::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t max_bytes_;
  mutable server::Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);  // the one that was asked for last is the first
  std::map<std::string, Entries::iterator> index_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_JOB_CACHE_H_
