// An `AuditLog` is the daemon's own list of what no journal has: deletions, with what the journals
// that went had of people's acts; tokens that were made and revoked; who was turned away. It is one
// file to which lines are added, each a record: JSON of v1.ListAuditEntriesResponse, for people's
// own tools too. Thread-safe.
//
// While the disk is full, or the file can't be written for another reason, what was added is kept
// in memory and written when that is possible again: nothing of what people do waits for it. It is
// lost only if the daemon is killed meanwhile; the log has said so by then.
#ifndef DESCENT_SERVER_DAEMON_AUDIT_AUDIT_LOG_H_
#define DESCENT_SERVER_DAEMON_AUDIT_AUDIT_LOG_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/audit_service.pb.h"
#include "server/common/clock.h"
#include "server/common/executor.h"
#include "server/common/mutex.h"

namespace descent::daemon {

class AuditLog {
 public:
  // What happened at once: entries in order, the last of which is the act itself.
  using Record = v1::ListAuditEntriesResponse;

  // Who is turned away again within so long has his refusals counted in one entry, by who he is and
  // what he asked for. At most so many of these are told apart.
  static constexpr int64_t kRefusalNanos = 600 * server::kSecond;
  static constexpr size_t kMaxRefused = 64;
  // So many records are kept in memory; then the oldest is lost.
  static constexpr size_t kMaxUnwritten = 1000;

  // Opens the list that lies at `path`, or begins one, for its owner alone. FAILED_PRECONDITION if
  // that is no regular file; RESOURCE_EXHAUSTED or UNAVAILABLE if it can't be opened. `clock` must
  // outlive it.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const std::string& path,
                                                        const server::Clock* clock);
  // Writes what is not written yet.
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Adds a record, durable on return unless it has to wait, as above. An entry without a time gets
  // the present one. Blocks.
  void Add(Record record) ABSL_LOCKS_EXCLUDED(mutex_);
  void Add(v1::AuditEntry entry) ABSL_LOCKS_EXCLUDED(mutex_);

  // Adds that somebody was turned away: `principal`, `method` and what else is known. Does not
  // block.
  void AddRefusal(v1::AuditEntry entry) ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `take` with each record of which the text has all of `words`, the oldest first; those
  // words only spare the reading of the others. DATA_LOSS if a line can't be read. Blocks.
  absl::Status Read(const std::vector<std::string>& words,
                    absl::FunctionRef<void(Record&&)> take) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Refusal {
    v1::AuditEntry last;     // of those not told
    int64_t untold = 0;      // how many these are
    int64_t told_nanos = 0;  // by the monotonic clock
  };

  AuditLog(std::string path, int file, int64_t size, const server::Clock* clock)
      : path_(std::move(path)), file_(file), clock_(clock), size_(size) {}

  std::string LineOf(Record record) const;
  void Keep(Record record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives the entry that stands for the refusals that were not told.
  static v1::AuditEntry Told(const Refusal& refusal);
  Refusal& RefusalOf(const v1::AuditEntry& entry, int64_t now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Write() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string path_;
  const int file_;
  const server::Clock* const clock_;

  mutable server::Mutex mutex_;
  int64_t size_ ABSL_GUARDED_BY(mutex_);  // of the file, as far as it was written whole
  std::deque<std::string> unwritten_ ABSL_GUARDED_BY(mutex_);  // lines
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
  // By principal and method; both empty: all that there was no room for.
  std::map<std::pair<std::string, std::string>, Refusal> refused_ ABSL_GUARDED_BY(mutex_);
  server::Executor writing_{1};  // last, because it uses what is above
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_AUDIT_AUDIT_LOG_H_
