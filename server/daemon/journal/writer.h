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
#include "server/daemon/journal/database_files.h"
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
// Once a second, when idle, and at its end it stores where journals end.
//
// After the first failure of the store it writes nothing any more and fails what is queued: after a
// failed fsync nobody knows what is on the disk, and trying again would only hide that. The same if
// the database's files are no longer there. Two things are no such failure: another program's lock
// is waited for, and a journal whose rows are damaged is taken out of service alone.
class Writer {
 public:
  struct Operation {
    enum Kind { kCreate, kAppend, kDelete, kRetain, kDamage, kForgetFolder };
    Kind kind = kAppend;
    std::shared_ptr<StoredJournal> journal;  // none of kForgetFolder
    std::string folder;                      // of kForgetFolder: the job's id
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

  // Looks at the files too.
  absl::Status health() ABSL_LOCKS_EXCLUDED(mutex_);
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
  // `failed`: the journal whose rows could not be written, if that was it.
  absl::Status TryWrite(Operations& operations, std::vector<absl::Status>& results,
                        std::vector<Change>& changes, JournalPtr* failed);
  absl::Status WriteChange(Change& change);
  void Publish(Operations& operations, const std::vector<absl::Status>& results,
               const std::vector<Change>& changes);

  // The next piece of what can wait; false: there is nothing. `idle`: nothing was queued.
  bool Chore(bool idle);
  absl::Status Thin(const JournalPtr& journal, bool* finished);
  void SweepTails();

  // Stores where those journals end that have grown since the last time, as part of a transaction;
  // HeadsAreNoted once that is durable.
  absl::Status NoteHeads();
  void HeadsAreNoted();

  // Runs `body` as one durable transaction. Waits for other programs' locks.
  template <class Body>
  absl::Status Transact(Body body);
  // Calls `step` until no other program has the database locked, or until Stop.
  template <class Step>
  absl::Status WaitForLock(Step step);
  void SetWaiting(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // Why nothing is written any more.
  absl::Status failure() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Fail(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status ShrinkSome();
  void Count(int64_t events, int64_t bytes, int64_t nanos);

  std::unique_ptr<Connection> connection_;
  const Journal::Options options_;
  std::unique_ptr<WriteStatements> statements_;
  DatabaseFiles files_;

  // The writer thread's own.
  std::vector<JournalPtr> thinning_;
  bool removing_ = true;    // there may be rows of deleted jobs
  bool shrinking_ = false;  // they have left room in the file
  std::vector<JournalPtr> with_tails_;
  int64_t next_sweep_nanos_ = 0;
  std::vector<JournalPtr> moved_heads_;
  size_t noted_heads_ = 0;   // how many of these the open transaction notes
  bool notes_heads_ = true;  // false: their table is damaged
  int64_t next_heads_nanos_ = 0;

  mutable server::Mutex mutex_;
  server::CondVar wake_;
  Operations queue_ ABSL_GUARDED_BY(mutex_);
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status lock_ ABSL_GUARDED_BY(mutex_);  // of another program, waited for
  Journal::Statistics statistics_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_WRITER_H_
