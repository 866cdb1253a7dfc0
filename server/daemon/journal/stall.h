// `Stall` says why nothing is written to the store, as people are told. The writer says what it
// waits for, and what it has given up over; who asks, on any thread, gets the sentence. Each
// beginning and each end is logged once. Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_STALL_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_STALL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "server/common/mutex.h"

namespace descent::daemon {

class Stall {
 public:
  // `database` is its path, whose folder is named. `free_bytes` gives those of that folder's disk;
  // if it is empty, statvfs is asked.
  Stall(const std::string& database, std::function<int64_t()> free_bytes);

  // These hold until Over: another program has the database locked, or its disk is full. `error` is
  // SQLite's.
  void Lock(const absl::Status& error) ABSL_LOCKS_EXCLUDED(mutex_);
  // It may be said again and again, so that the sentence has the present number of bytes.
  void DiskFull(const absl::Status& error) ABSL_LOCKS_EXCLUDED(mutex_);
  // What was waited for has come. Does nothing if nothing was.
  void Over() ABSL_LOCKS_EXCLUDED(mutex_);
  // Nobody waits for it any more.
  void Forget() ABSL_LOCKS_EXCLUDED(mutex_);

  // Nothing is written any more until the daemon is started again.
  void Fail(const absl::Status& error) ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives OK, or what is waited for, or why nothing is written any more. By reason
  // (proto/rules/reasons.h) it is RESOURCE_EXHAUSTED DISK_FULL, UNAVAILABLE STORE_LOCKED, or
  // UNAVAILABLE STORE_FAILED. Costs next to nothing while it is OK.
  absl::Status status() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives OK, or why nothing is written any more: STORE_FAILED alone.
  absl::Status failure() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Gives what is logged of the end; empty if nothing was waited for.
  std::string End() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string folder_;
  const std::function<int64_t()> free_bytes_;
  std::atomic<bool> stalled_{false};  // whether one of the two is not OK
  mutable server::Mutex mutex_;
  absl::Status waiting_ ABSL_GUARDED_BY(mutex_);
  std::string over_ ABSL_GUARDED_BY(mutex_);  // what is logged when that is over
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_STALL_H_
