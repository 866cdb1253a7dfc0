#ifndef DESCENT_SERVER_DAEMON_JOURNAL_WRITER_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "server/common/mutex.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/write_statements.h"

namespace descent::daemon {

class StoredJournal;

// The one thread that writes to the store. It takes everything that all jobs have queued into one
// transaction (group commit), and publishes what it did once that is durable: first all rows, then
// the callbacks in the order of the queue, then each journal's subscribers.
//
// When nothing is queued, or between commits, it does what can wait: thins journals, removes the
// rows of deleted ones, gives idle tails back; a little at a time, so that no append waits long.
//
// After the first failure of the store it writes nothing any more and fails what is queued: after a
// failed fsync nobody knows what is on the disk, and trying again would only hide that.
class Writer {
 public:
  struct Operation {
    enum Kind { kCreate, kAppend, kDelete, kRetain };
    Kind kind = kAppend;
    std::shared_ptr<StoredJournal> journal;
    std::vector<RowPtr> rows;
    int64_t events = 0;
    int64_t final_revision = 0;  // 0: none of the events ends the job
    std::optional<std::string> snapshot;
    int64_t retain_bytes = 0;
    JobJournal::Done done;  // may be empty
  };

  // `connection` is open, migrated, and in WAL mode.
  Writer(std::unique_ptr<Connection> connection, const Journal::Options& options);
  absl::Status Start();

  // Queues; `done` runs on the writer's thread (on this one, if the writer has stopped).
  void Enqueue(Operation operation);

  // Commits what is queued, ends the thread, and closes the connection.
  void Stop();

  absl::Status health() const;
  Journal::Statistics statistics() const;

 private:
  using Operations = std::vector<Operation>;
  using JournalPtr = std::shared_ptr<StoredJournal>;

  // What one commit does to one journal.
  struct Change;

  void Run();
  void Commit(Operations operations);
  absl::Status Write(Operations& operations, std::vector<absl::Status>& results,
                     std::vector<Change>& changes);
  absl::Status WriteChange(Change& change);
  void Publish(Operations& operations, const std::vector<absl::Status>& results,
               const std::vector<Change>& changes);

  // The next piece of what can wait; false: there is nothing.
  bool Chore();
  absl::Status Thin(const JournalPtr& journal, bool* finished);
  void SweepTails();

  // Runs `body` as one durable transaction.
  template <class Body>
  absl::Status Transact(Body body);
  void Fail(const absl::Status& status);
  void Count(int64_t events, int64_t bytes, int64_t nanos);

  std::unique_ptr<Connection> connection_;
  const Journal::Options options_;
  std::unique_ptr<WriteStatements> statements_;

  // The writer thread's own.
  std::vector<JournalPtr> thinning_;
  bool removing_ = true;  // there may be rows of deleted jobs
  std::vector<JournalPtr> with_tails_;
  int64_t next_sweep_nanos_ = 0;

  mutable server::Mutex mutex_;
  server::CondVar wake_;
  Operations queue_ ABSL_GUARDED_BY(mutex_);
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  Journal::Statistics statistics_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_WRITER_H_
