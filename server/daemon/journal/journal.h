// The journals: the durable, totally ordered lists of all jobs' events. This is what the rest of
// the daemon knows of the store.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_JOURNAL_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_JOURNAL_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/training_service.pb.h"
#include "server/common/clock.h"
#include "server/daemon/journal/row.h"

namespace descent::daemon {

// One event on its way into a journal: serialized, without its revision. Worker events come as the
// worker's bytes; the daemon's own are serialized by ToPending().
struct PendingEvent {
  v1::EventKind kind = v1::EVENT_KIND_UNSPECIFIED;
  int64_t iteration = -1;  // for an ITERATION its index; else what it concerns, or −1
  int32_t branch = 0;
  int32_t attempt = 0;
  int64_t sequence = 0;
  // For a STATE_CHANGED the new state.
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
  // For a COMMAND_ACCEPTED, _APPLIED or _REJECTED, which request it is of.
  std::string request_id;
  std::string bytes;
};

// Reads kind, iteration, branch, attempt and sequence off the wire; iteration events without a
// full parse. INVALID_ARGUMENT if `bytes` is not an Event with exactly one kind, or already has a
// revision.
absl::StatusOr<PendingEvent> ScanEvent(std::string bytes);
PendingEvent ToPending(const v1::Event& event);

// What a watcher wants of a journal. Iteration events are taken if their index is a multiple of
// `every` (0 and 1: all).
struct WatchFilter {
  std::vector<v1::EventKind> kinds;  // empty: all
  int64_t every = 1;
  bool extremes = false;  // with `every`: see extremes.h
};

class JobJournal;

// A registration for news of one journal. Once its destructor has returned, the callback does not
// run and will not run again. It must not be destroyed from within its own callback.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

// The durable, totally ordered list of one job's events. Thread-safe.
//
// Revisions are given in the order of Append calls. An event is seen by Read, Tail, head_revision
// and subscribers only after it is durable.
class JobJournal {
 public:
  virtual ~JobJournal() = default;

  virtual const std::string& job_id() const = 0;

  // The last durable revision; events at or before compacted_revision have lost their iterations.
  virtual int64_t head_revision() const = 0;
  virtual int64_t compacted_revision() const = 0;

  // The revision of the state_changed that made the job final; 0 while it is not.
  virtual int64_t final_revision() const = 0;

  // The result of an append: its events, and no others, as rows in order. (The store may keep them
  // in larger rows, together with neighbours.)
  struct Appended {
    std::vector<RowPtr> rows;
  };
  using Done = std::function<void(const absl::StatusOr<Appended>&)>;

  // Appends all or none, in one transaction with whatever else is waiting (group commit), and
  // returns at once with the revision of the first event. `snapshot`, if given, is stored with the
  // job in the same transaction (the fold of the journal up to the last of these events), so that
  // a restarted daemon need not fold finished jobs. `done` runs on the writer's thread once the
  // events are durable and published, in the order of the appends; it must not block, and may be
  // empty. While the disk is full it is not called: what was appended waits. After a failed commit
  // every append fails, for good (UNAVAILABLE); see Journal::stalled.
  virtual int64_t Append(std::vector<PendingEvent> events, std::optional<v1::Job> snapshot,
                         Done done) = 0;

  // Gives rows after `after_revision`, oldest first, about `max_bytes` of entries (at least one row
  // if there is any). Rows may begin before the cursor: skip with the iterator of
  // server/daemon/journal/entries.h. `kinds` (empty: all) lets whole rows be left out. It reads the
  // store, so it blocks, and is not for gRPC's threads. OUT_OF_RANGE if iterations are wanted that
  // have been thinned. NOT_FOUND if the job was deleted.
  virtual absl::StatusOr<std::vector<RowPtr>> Read(int64_t after_revision, int64_t max_bytes,
                                                   const std::vector<v1::EventKind>& kinds) = 0;

  // Gives the same from memory, if the tail kept there reaches back to the cursor; nullopt if it
  // does not, or the job was deleted. Never blocks. An empty vector says that the cursor is at the
  // head.
  virtual std::optional<std::vector<RowPtr>> Tail(int64_t after_revision, int64_t max_bytes) = 0;

  // `on_append` runs on the writer's thread after each publication; it must not block.
  virtual std::unique_ptr<Subscription> Subscribe(std::function<void()> on_append) = 0;

  // Gives, for comparing re-computed history, the row that holds `iteration` on `branch`, or
  // NOT_FOUND. Blocks.
  virtual absl::StatusOr<RowPtr> FindIteration(int32_t branch, int64_t iteration) = 0;

  // Gives the events of a request, by index: accepted, then whatever came of it, in order; empty if
  // the store has none. Blocks.
  virtual absl::StatusOr<std::vector<RowPtr>> FindRequest(const std::string& request_id) = 0;

  // Gives the snapshot as it is stored now, as StoredJob's. Blocks. NOT_FOUND if the job was
  // deleted.
  virtual absl::StatusOr<v1::Job> ReadSnapshot() = 0;

  // Gives the evaluations at an iteration of a branch, by index, in order. Blocks.
  virtual absl::StatusOr<std::vector<RowPtr>> FindEvaluations(int32_t branch,
                                                              int64_t iteration) = 0;

  // This is as Journal::stalled; or, if that is OK, UNAVAILABLE with what SetWaiting was told.
  virtual absl::Status stalled() const = 0;
  // Says why the job's run itself waits, if it does, as a sentence; empty: it doesn't.
  virtual void SetWaiting(const std::string& why) = 0;

  // Gives OK, or DATA_LOSS with a sentence that names job and revision: what is stored of the
  // journal is damaged. It is found by whoever reads, and for good: from then on Read, Find… and
  // Append give this error, Tail gives nothing, and subscribers are told. Other journals are not
  // concerned.
  virtual absl::Status damage() const = 0;

  // `on_damage` runs once, on any thread, when damage is found; at once, if it has been. It must
  // not block. Replaces what was given before.
  virtual void OnDamage(std::function<void(const absl::Status&)> on_damage) = 0;

  // Thins iteration events, oldest first, into roll-ups until at most `max_bytes` of them are left.
  // It runs with the next commit; how many bytes a job may keep is the caller's to say. Cheap when
  // nothing is to be done.
  virtual void Retain(int64_t max_bytes) = 0;
};

// A job as the store has it at start.
struct StoredJob {
  std::shared_ptr<JobJournal> journal;
  // The snapshot given with the last append that had one; the caller folds the events after
  // snapshot.head_revision over it. Empty (head_revision 0) if it is damaged: it can be folded
  // anew. Spec and summary are the first event's, as all that is not the fold's to change.
  v1::Job snapshot;
  // What the first event says its creation was asked for with.
  std::string request_id;
  v1::TraceContext trace;  // Created.trace
  // The store has lost what the job was called (journal->damage() says so). The journal has an id
  // that was made up for it, by which it can be deleted; what lies beside the store has the old
  // one.
  bool name_is_lost = false;
};

// All journals of this daemon: one SQLite database, one writer thread. Thread-safe.
//
// The journal is the run: nothing else is the source of truth. What else is in the database
// (snapshots, roll-ups, the index of requests) is derived from it, in the same transactions.
class Journal {
 public:
  struct Options {
    std::string path;  // that of the database file; its folder exists
    // So many bytes of published rows are kept in memory for each journal that somebody appends to.
    int64_t tail_bytes = 1 << 20;
    // A journal that nobody appended to for so long gives its tail back.
    std::chrono::nanoseconds tail_idle = std::chrono::minutes(1);
    server::Clock* clock = server::Clock::Real();
    // On a full disk: how soon a commit is tried again, at first (the pause doubles up to twenty
    // times this), and what the disk has free, in bytes (−1: unknown); if empty, the system is
    // asked.
    std::chrono::nanoseconds retry = std::chrono::milliseconds(100);
    std::function<int64_t()> free_bytes = {};
    // The name of a registered SQLite VFS, for tests that inject faults; empty: the default.
    std::string vfs = {};
  };

  // Opens or creates the store and brings its schema up to date. FAILED_PRECONDITION if it was made
  // by a newer version. The daemon's lock on its folder is the caller's. Errors name the file.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const Options& options);

  // Commits what was appended, then stops.
  virtual ~Journal() = default;

  // Gives every job to `take`, oldest first, also those whose journal is damaged; one by one, as
  // all of them would not fit into memory together. Ends with the first error that it returns.
  // Blocks.
  using TakeJob = std::function<absl::Status(const StoredJob&)>;
  virtual absl::Status ReadJobs(const TakeJob& take) = 0;
  // Gives all of them.
  absl::StatusOr<std::vector<StoredJob>> Jobs();

  // Makes a journal and its first events, which are durable when `created` is called: on the
  // journal's thread, or before this returns. ALREADY_EXISTS if a job that still exists has the id;
  // RESOURCE_EXHAUSTED on a full disk, without waiting.
  using Created = std::function<void(absl::StatusOr<std::shared_ptr<JobJournal>>)>;
  virtual void CreateJob(const std::string& job_id, std::vector<PendingEvent> events,
                         const v1::Job& snapshot, Created created) = 0;

  // Removes the journal and all that is derived from it, with one commit, after which `deleted` is
  // called as above (the rows go afterwards, a few at a time). Later appends to it fail with
  // NOT_FOUND. RESOURCE_EXHAUSTED if on a full disk there is no room for it either.
  using Deleted = std::function<void(absl::Status)>;
  virtual void DeleteJob(const std::string& job_id, Deleted deleted) = 0;

  // These do the same, and block for the commit. They must not be called from a callback of the
  // journal's: they would wait for their own thread.
  absl::StatusOr<std::shared_ptr<JobJournal>> CreateJob(const std::string& job_id,
                                                        std::vector<PendingEvent> events,
                                                        const v1::Job& snapshot);
  absl::Status DeleteJob(const std::string& job_id);

  // Gives OK, or why nothing can be appended: for good after a failed commit, or when the database
  // was taken away (STORE_FAILED); for now while another program has it locked (STORE_LOCKED), or
  // the disk is full (RESOURCE_EXHAUSTED, DISK_FULL). It has a sentence for people, and a reason.
  virtual absl::Status stalled() const = 0;
  // Gives OK, or UNAVAILABLE with a sentence that names the jobs whose runs wait (SetWaiting), and
  // why the first does.
  virtual absl::Status waiting() const = 0;
  // Gives as stalled, having looked whether the database is still there.
  virtual absl::Status health() const = 0;

  // Gives OK, or DATA_LOSS with a sentence that names the jobs whose journals are damaged.
  virtual absl::Status damage() const = 0;

  // True if no job was ever created in this store.
  virtual bool is_new() const = 0;

  // Ids of deleted jobs that were not said to be gone with ForgetFolder: what they had outside the
  // store may still be there. None of them is an id that no job can have. Blocks.
  virtual absl::StatusOr<std::vector<std::string>> FoldersToRemove() = 0;
  // Says that what a deleted job had outside the store is gone. Does not block.
  virtual void ForgetFolder(const std::string& job_id) = 0;

  // These are for metrics: commits, events and bytes since the start, seconds spent committing
  // (sum), and how many commits took no longer than each of kCommitBounds (seconds; not cumulative;
  // the last one counts what is beyond).
  static constexpr std::array<double, 10> kCommitBounds = {0.0001, 0.0002, 0.0005, 0.001, 0.002,
                                                           0.005,  0.01,   0.05,   0.25,  1};
  struct Statistics {
    int64_t commits = 0;
    int64_t events = 0;
    int64_t bytes = 0;
    double commit_seconds = 0;
    std::array<int64_t, kCommitBounds.size() + 1> commit_counts = {};
    // The size of the database's files, the write-ahead log included.
    int64_t database_bytes = 0;
    int64_t damaged_jobs = 0;
  };
  virtual Statistics statistics() const = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_JOURNAL_H_
