// A `Job` is what may be appended to its journal, and why (the rules of server/README.md). It
// wires four parts, each of which has one question to answer:
//
//   Appender         what comes next in the journal, and what of it is durable
//   RequestBook      whether a command was asked for, told or applied before: exactly once
//   CheckpointShelf  which checkpoints there are, are read, are due to go
//   Attempt          which worker has the run, and how far what it tells has come
//
// A job that is over rests: it holds what is asked for again and again, and the store is asked for
// the rest.
//
// Thread-safe; one mutex guards all parts. Every decision is made under it, against the events
// already handed to the journal ("pending"), and appended under it, so that decisions and revisions
// have one order. What people see ("durable") and every answer and acknowledgement follow from the
// journal's callback, which runs on the journal's thread and takes the same mutex.
#ifndef DESCENT_SERVER_DAEMON_JOBS_JOB_H_
#define DESCENT_SERVER_DAEMON_JOBS_JOB_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/training_service.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "proto/rules/trace_context.h"
#include "server/common/clock.h"
#include "server/common/executor.h"
#include "server/common/loop.h"
#include "server/common/mutex.h"
#include "server/daemon/jobs/appender.h"
#include "server/daemon/jobs/attempt.h"
#include "server/daemon/jobs/checkpoint_files.h"
#include "server/daemon/jobs/checkpoint_shelf.h"
#include "server/daemon/jobs/job_cache.h"
#include "server/daemon/jobs/job_counts.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/jobs/recomputation.h"
#include "server/daemon/jobs/request_book.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/workers/supervisor.h"

namespace descent::daemon {

class Job : public std::enable_shared_from_this<Job> {
 public:
  // What a job has from the service. It calls `wants_worker` and `finished` on the loop, and never
  // with its mutex held.
  struct Environment {
    const server::Clock* clock = nullptr;
    std::shared_ptr<server::Loop> loop;
    // Where files are looked at and removed, so that the loop never waits for a disk.
    std::shared_ptr<server::Executor> files;
    FileDigest digest;
    // Where the store is read, for the same reason.
    std::shared_ptr<server::Executor> store;
    // What was read last of jobs that are over.
    std::shared_ptr<JobCache> cache;
    Supervisor* supervisor = nullptr;
    std::string dir;              // this job's folder: checkpoints and logs
    std::string datasets;         // the folder of all datasets
    JobCounts* counts = nullptr;  // may be null
    // Says that the job wants a worker, not before so long.
    std::function<void(const std::shared_ptr<Job>&, int64_t delay_nanos)> wants_worker;
    // Says that the job does not run any more, durably: it is final, or back in the queue at
    // shutdown.
    std::function<void(const std::shared_ptr<Job>&)> finished;
  };

  // Makes a job of a journal that was just made, with these events.
  Job(Environment environment, std::shared_ptr<JobJournal> journal,
      const std::vector<v1::Event>& events);
  // Makes a job that is loaded from the store. Unfinished ones need LoadHistory before anything
  // else.
  Job(Environment environment, const StoredJob& stored);

  const std::string& id() const { return id_; }
  const std::shared_ptr<JobJournal>& journal() const { return journal_; }

  // Reads the journal back. Blocks. Idempotent.
  absl::Status LoadHistory() ABSL_LOCKS_EXCLUDED(mutex_);

  // These are called after LoadHistory of a job that was under way: the first gives the process
  // that may still run its attempt, the second takes the worker that stands for it until it says
  // Hello or is lost.
  ProcessId RunningProcess() const ABSL_LOCKS_EXCLUDED(mutex_);
  void AwaitWorker(const WorkerPtr& worker) ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- For clients, from any thread.
  // Waits until what watchers have been sent so far counts in what is read here: events are
  // published a moment before they are folded. It waits for the journal's thread, not for the disk,
  // so it is not to be called from callbacks of the journal.
  void AwaitLanded() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives what people see of the job. If it rests, this reads the store: it blocks then, and fails
  // if the job was deleted (NOT_FOUND) or the store can't be read.
  absl::StatusOr<v1::Job> Read() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives the same without spec and summary.
  absl::StatusOr<v1::Job> ReadLight() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives what is at hand without spec and summary: of a job that rests not all (JobFold::Shrink).
  v1::Job DurableLight() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The first is what may be told, the second what is decided by.
  v1::JobState durable_state() const ABSL_LOCKS_EXCLUDED(mutex_);
  v1::JobState pending_state() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Which workers may run it.
  WorkerKind worker_kind() const ABSL_LOCKS_EXCLUDED(mutex_);
  Ownership ownership() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Command(const v1::CommandJobRequest& request, const Caller& caller,
               Jobs::Callback<v1::CommandJobResponse> done) ABSL_LOCKS_EXCLUDED(mutex_);
  // Keeps less of it: it is no longer among those that ended last.
  void Fade() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes the job out of the cache: it was deleted, and nobody reads it again.
  void LeaveCache() ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives this answer to all who wait for one; their requests stay accepted.
  void AnswerWaiters(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives OK, or why the job is out of service: its stored journal is damaged.
  absl::Status damage() const { return journal_->damage(); }
  // Ends what is under way without an event, because nothing can be appended. On the loop.
  void LeaveService(const absl::Status& damage) ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- For the scheduler, on the loop.
  // Has the checkpoints' files looked at, then, on the loop again, journals the attempt and sends
  // Start. `refused` is called, on the loop, if the job wants no worker any more.
  void StartAttempt(const WorkerPtr& worker, std::function<void()> refused)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void OnUnstarted(const WorkerPtr& worker) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnLost(const WorkerPtr& worker, const std::string& cause, bool clean, bool shutting_down)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<worker::v1::Welcome> OnReconnect(const WorkerPtr& worker,
                                                  const worker::v1::Hello& hello)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // What the worker sent, or was sent, can't be parsed, as AttemptHost says. The request is
  // rejected, or else the run ends as FAILED, because it would be the same again.
  void OnUnreadable(const WorkerPtr& worker, const std::string& problem,
                    const std::string& request_id) ABSL_LOCKS_EXCLUDED(mutex_);
  // The worker asks for an acknowledgement.
  void OnHeartbeat(const WorkerPtr& worker) ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends the job here and now, as STOPPED, without its worker, which is fenced and returned (may be
  // null).
  WorkerPtr Abandon(const std::string& reason) ABSL_LOCKS_EXCLUDED(mutex_);

  // What predicts: the job, and the checkpoint that was named. Its file stays for as long as the
  // record is held. NOT_FOUND if there is none such, FAILED_PRECONDITION if there is none yet.
  struct Predictor {
    absl::StatusOr<v1::Job> job;
    absl::StatusOr<std::shared_ptr<const CheckpointRecord>> checkpoint;
  };
  // Finds it beside the loop, on which it calls `then`. `checkpoint` is that of PredictJobRequest.
  void FindPredictor(const std::string& checkpoint, std::function<void(Predictor)> then)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- The path of an iteration, from gRPC's threads.
  // This is AttemptHost's.
  void OnEvents(const WorkerPtr& worker, worker::v1::EventBatch* batch,
                const std::function<void()>& taken, const SessionHandler::Resume& resume)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // A command, and who wants to know what comes of it.
  struct Asked {
    Caller caller;
    v1::CommandJobRequest request;
    v1::CommandAccepted body;
    Jobs::Callback<v1::CommandJobResponse> done;
  };

  // So many bytes, and one message, are in memory here at most if a worker is faster than the disk;
  // what is not read yet is the worker's to keep.
  static constexpr int64_t kMaxBytesInFlight = 4 << 20;

  // What an attempt begins from.
  struct Beginning {
    Inspection inspection;
    double elapsed_seconds = 0;  // of the run, until there
  };

  // ---- Wiring, with the mutex held:
  // The job after all that was appended: decisions are made against it.
  const JobFold& present() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return appender_.pending();
  }
  // Tells all parts of each event but iterations, as it is added.
  void Follow(const v1::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds the end: rejections of what is unresolved, then the event.
  void AddFinal(v1::Event event, Draft* draft) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Says, for the sentence on a failure, which checkpoint people can go on from.
  std::string WhatIsKept() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Appends the draft; `then` runs once it is durable, with the mutex held.
  void Append(Draft draft, std::function<void()> then = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The append of this attempt's events, up to this sequence, has landed: what follows from that.
  void TakeLanded(const absl::Status& status, const Commit& commit, int32_t attempt,
                  int64_t sequence, const std::function<void()>& then)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Calls `then`, on the loop, once all that was appended so far has landed; with an error if it is
  // known that it never will.
  void OnceLanded(std::function<void(const absl::Status&)> then)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendAck(std::optional<int64_t> sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeleteOldCheckpoints() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Lets go of what is not asked for again, once the end is durable.
  void Rest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string CacheKey() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // ---- Commands, on the loop:
  // Has the store asked whether the first of asked_ was made before.
  void AskStore();
  void AnswerFirst(const absl::StatusOr<std::vector<RowPtr>>& stored);
  // False says that the store was asked too early.
  bool Answer(const Asked& asked, const std::vector<RowPtr>& stored) ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- Commands, with the mutex held:
  // Gives OK, or why nothing is appended until descentd is started again. It is asked under the
  // mutex, so that who waits is either refused by this or answered when the first append fails.
  absl::Status FailedStore() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives OK, or why a request that nobody has made before is refused.
  absl::Status CheckNewRequest(const v1::CommandJobRequest& request,
                               const v1::CommandAccepted& asked) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Answers all who wait with this; their requests stay accepted.
  void AnswerAll(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Accept(const v1::CommandAccepted& accepted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // True if nobody but the daemon can end the run, because it waits for its turn, or for its
  // program.
  bool WaitsForWorker() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StopWithoutWorker(const v1::CommandAccepted& accepted, Draft* draft)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForwardAccepted(const v1::CommandAccepted& accepted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // ---- Attempts, with the mutex held:
  // Journals the attempt of the worker that it was prepared for, and starts it.
  void BeginAttempt(const Beginning& beginning) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Rejects the open requests for what the worker can't do.
  void RejectImpossible(Draft* draft) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendStart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unbind() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The attempt came to an end before the run did: another one follows, or FAILED.
  void EndAttempt(const std::string& cause, Draft draft) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the run as FAILED, and the attempt; its worker is fenced.
  void Fail(const std::string& cause, const char* error_reason, Draft draft)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WantWorker(int64_t delay_nanos) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes the event that a new branch begins at an attempt's base.
  v1::Event NewRewound(const Attempt::Base& base, v1::Rewound::Cause cause,
                       const std::string& detail) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // ---- What workers tell, with the mutex held:
  bool IsCurrent(const WorkerPtr& worker, const worker::v1::EventBatch& batch) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the batch, or fences its worker if it is not the current attempt's. Gives false if
  // `resume` must wait, and will be called, until there is room.
  bool TakeOrFence(const WorkerPtr& worker, worker::v1::EventBatch* batch,
                   const SessionHandler::Resume& resume) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has the store asked, beside the loop, for what the batch computes once more; TakeCompared goes
  // on, on the loop.
  void Compare(const WorkerPtr& worker, worker::v1::EventBatch batch,
               const std::function<void()>& taken, const SessionHandler::Resume& resume)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeBatch(worker::v1::EventBatch* batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeEvents(worker::v1::EventBatch* batch, Draft* draft, std::string* diverged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeOther(PendingEvent pending, Draft* draft, std::string* diverged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeIteration(PendingEvent pending, Draft* draft, std::string* diverged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What was re-computed differs from the journal.
  void Diverge(const std::string& difference, Draft draft) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // ---- Without the mutex:
  // Gives the id of the trace in which the job was made, if it was made in one.
  std::string_view TraceId() const { return rules::TraceIdOf(trace_.parent()); }
  // Gives how many checkpoints are kept.
  static int64_t KeptOf(const JobFold& fold);
  RequestBook NewBook() const;
  std::string Folder() const { return environment_.dir + "/checkpoints"; }
  // Adds to a fold what the journal says of itself.
  // True if the appender's folds have followed every event, so that their head is the job's.
  bool follows() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return history_loaded_ && !resting_;
  }
  // Adds what the journal says itself; its head, too, where the fold is of a snapshot alone.
  v1::Job WithJournal(v1::Job job, bool follows) const;
  // Takes the mutex for TakeLanded, and wakes afterwards whoever waited for it.
  void OnLanded(const absl::Status& status, const Commit& commit, int32_t attempt, int64_t sequence,
                const std::function<void()>& then) ABSL_LOCKS_EXCLUDED(mutex_);
  Beginning ReadBeginning(Inspection inspection) const ABSL_LOCKS_EXCLUDED(mutex_);
  // The second half of StartAttempt, when files and store were looked at. False means what
  // `refused` does. `script` says whether the book knows all that the attempt must be told.
  bool FinishStart(const WorkerPtr& worker, const Beginning& beginning, const absl::Status& script)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void BeginAwait(const WorkerPtr& worker) ABSL_LOCKS_EXCLUDED(mutex_);
  // Has the book know all that an attempt from this checkpoint must be told, and then calls `then`;
  // both on the loop, between which the store may be read beside it. It is for the time when no
  // attempt is under way that tells something.
  void RecallScript(int64_t checkpoint_iteration,
                    const std::function<void(const absl::Status&)>& then)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Has the book know all that was ever applied. Blocks.
  absl::Status ReadScript() ABSL_LOCKS_EXCLUDED(mutex_);
  // The whole journal, over this fold of its beginning.
  struct History {
    Position position;
    RequestBook book;
    CheckpointShelf shelf;
    Attempt attempt;
  };
  absl::StatusOr<History> ReadHistory(JobFold fold) const;
  // These read, for a job that rests, its fold and the checkpoint that people name.
  absl::StatusOr<JobFold> ReadFold() const;
  absl::StatusOr<CheckpointRecord> ReadCheckpoint(const std::string& given) const;
  absl::StatusOr<std::shared_ptr<const CheckpointRecord>> HoldCheckpoint(const std::string& given)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Calls `take` with every event of these kinds, in order, with revision. Blocks.
  absl::Status ReadEvents(const std::vector<v1::EventKind>& kinds,
                          const std::function<void(const v1::Event&)>& take) const;
  // A batch that computes again what the journal has, on its way to the store and back.
  struct Compared {
    WorkerPtr worker;
    worker::v1::EventBatch batch;
    Recomputation recomputation;  // what was read for the batch before, then for this one
    std::function<void()> taken;
    SessionHandler::Resume resume;
  };
  void TakeCompared(Compared* compared) ABSL_LOCKS_EXCLUDED(mutex_);

  const Environment environment_;
  const std::string id_;
  const std::shared_ptr<JobJournal> journal_;
  const v1::TraceContext trace_;  // Created.trace
  // It is confined to the loop. One is asked after the other, in their order, so that between the
  // question to the store and what follows from it nobody makes the same request.
  std::deque<Asked> asked_;

  mutable server::Mutex mutex_;
  mutable server::CondVar landed_;  // signalled by each append that has landed
  Appender appender_ ABSL_GUARDED_BY(mutex_);
  RequestBook book_ ABSL_GUARDED_BY(mutex_);
  CheckpointShelf shelf_ ABSL_GUARDED_BY(mutex_);
  Attempt attempt_ ABSL_GUARDED_BY(mutex_);
  // What the journal has of what the batch that is taken re-computes.
  Recomputation recomputation_ ABSL_GUARDED_BY(mutex_);
  // What waits until so many appends have landed, in that order.
  struct Waiting {
    int64_t appends = 0;
    std::function<void(const absl::Status&)> then;
  };
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  // Each of these lets its worker be read again, once less is in flight.
  std::vector<SessionHandler::Resume> held_back_ ABSL_GUARDED_BY(mutex_);
  bool history_loaded_ ABSL_GUARDED_BY(mutex_) = false;
  bool resting_ ABSL_GUARDED_BY(mutex_) = false;
  bool faded_ ABSL_GUARDED_BY(mutex_) = false;
  // The last attempt came to nothing, perhaps because of a damaged checkpoint.
  bool checkpoint_suspected_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_JOB_H_
