// The `Writer` is the one thread that writes to the store. It takes everything that all jobs have
// queued into one transaction (group commit), and publishes what it did once that is durable: first
// all rows, then the callbacks in the order of the queue, then each journal's subscribers.
//
// When nothing is queued, or between commits, it does what can wait: thins journals, removes the
// rows of deleted ones, gives idle tails back; a little at a time, so that no append waits long.
// Once a second, when idle, and at its end it stores where journals end.
//
// After the first failure of the store it writes nothing any more and fails what is queued: after a
// failed fsync nobody knows what is on the disk, and trying again would only hide that. The same
// holds if the database's files are no longer there. Three things are no such failure, as it is
// known that nothing was written: another program's lock is waited for, room on a full disk too,
// and a journal whose rows are damaged is taken out of service alone.
//
// On a full disk SQLite undoes the statement or all of the transaction
// (https://www.sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction": ask
// sqlite3_get_autocommit, roll back), and what reached the log of it ends in no commit record that
// a reader would take (https://www.sqlite.org/walformat.html). So the same operations are tried
// again, with pauses, in their order; nothing is published or answered meanwhile. What follows
// waits in the queue: how much that can be is its senders' to bound (Job::kMaxBytesInFlight). Only
// what begins something new is refused (kCreate), and what makes room is tried by itself (kDelete):
// their callers wait on a thread that must not.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_WRITER_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_WRITER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/common/mutex.h"
#include "server/daemon/journal/database_files.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/stall.h"
#include "server/daemon/journal/write_statements.h"

namespace descent::daemon {

class StoredJournal;

class Writer {
 public:
  struct Operation {
    enum Kind { kCreate, kAppend, kDelete, kRetain, kDamage, kForgetFolder };
    Kind kind = kAppend;
    std::shared_ptr<StoredJournal> journal;  // null for kForgetFolder
    std::string folder;                      // for kForgetFolder: the job's id
    std::vector<RowPtr> rows;
    int64_t events = 0;
    int64_t final_revision = 0;  // 0 if none of the events ends the job
    std::optional<std::string> snapshot;
    int64_t retain_bytes = 0;
    JobJournal::Done done;  // may be empty
  };

  // `connection` is open, migrated, and in WAL mode.
  Writer(std::unique_ptr<Connection> connection, const Journal::Options& options);
  absl::Status Start();

  // Queues an operation; `done` runs on the writer's thread (on this one, if the writer has
  // stopped).
  void Enqueue(Operation operation);

  // Commits what is queued, ends the thread, and closes the connection.
  void Stop();

  // Gives what Journal::stalled gives, and looks at the files too.
  absl::Status health();
  absl::Status stalled() const { return stall_.status(); }
  Journal::Statistics statistics() const;

 private:
  // How often idle journals give back their tails.
  static constexpr int64_t kSweepNanos = 10'000'000'000;

  using Operations = std::vector<Operation>;
  using JournalPtr = std::shared_ptr<StoredJournal>;

  // What one commit does to one journal.
  struct Change;

  void Run();
  void Commit(Operations operations);
  // Writes and publishes them. RESOURCE_EXHAUSTED if nothing was done, for want of room. `alone`
  // says that others, which came before, are still waiting.
  absl::Status TryCommit(Operations& operations, bool alone);
  // Answers what is not written.
  static void Refuse(Operations& operations, const absl::Status& status);
  // True if somebody waits for it who has other things to do: see the class.
  static bool IsImpatient(Operation::Kind kind);
  // Takes what does not wait for room out of `operations`; DoWithoutRoom answers it.
  static Operations TakeImpatient(Operations& operations);
  void DoWithoutRoom(Operations impatient, const absl::Status& full);
  // Waits for so long, or until Stop, which gives false. Answers what comes meanwhile and does not
  // wait.
  bool WaitForRoom(std::chrono::nanoseconds pause) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Write(Operations& operations, std::vector<absl::Status>& results,
                     std::vector<Change>& changes);
  // `failed` becomes the journal whose rows could not be written, if that was it.
  absl::Status TryWrite(Operations& operations, std::vector<absl::Status>& results,
                        std::vector<Change>& changes, JournalPtr* failed);
  absl::Status WriteChange(Change& change);
  void Publish(Operations& operations, const std::vector<absl::Status>& results,
               const std::vector<Change>& changes);

  // Does the next piece of what can wait; false if there is nothing. `idle` says that nothing was
  // queued.
  bool Chore(bool idle);
  absl::Status Thin(const JournalPtr& journal, bool* finished);
  void SweepTails();

  // Stores where those journals end that have grown since the last time, as part of a transaction;
  // HeadsAreNoted once that is durable.
  absl::Status NoteHeads();
  void HeadsAreNoted();

  // Runs `body` as one durable transaction. Waits for other programs' locks.
  absl::Status Transact(absl::FunctionRef<absl::Status()> body);
  // Calls `step` until no other program has the database locked, or until Stop.
  absl::Status WaitForLock(absl::FunctionRef<absl::Status()> step);
  absl::Status RemoveSome();
  absl::Status ShrinkSome();
  void Count(int64_t events, int64_t bytes, int64_t nanos);

  std::unique_ptr<Connection> connection_;
  const Journal::Options options_;
  std::unique_ptr<WriteStatements> statements_;
  DatabaseFiles files_;
  Stall stall_;

  // These are the writer thread's own.
  bool gave_up_ = false;  // it ends without room: after what was refused nothing is written
  std::vector<JournalPtr> thinning_;
  bool removing_ = true;    // there may be rows of deleted jobs
  bool shrinking_ = false;  // they have left room in the file
  std::vector<JournalPtr> with_tails_;
  int64_t next_sweep_nanos_ = 0;
  std::vector<JournalPtr> moved_heads_;
  size_t noted_heads_ = 0;   // so many of these the open transaction notes
  bool notes_heads_ = true;  // false if their table is damaged
  int64_t next_heads_nanos_ = 0;

  mutable server::Mutex mutex_;
  server::CondVar wake_;
  Operations queue_ ABSL_GUARDED_BY(mutex_);
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;  // it waits for anything at all
  // It waits for what is impatient, or for a while.
  bool waiting_for_room_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Journal::Statistics statistics_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_WRITER_H_
