#ifndef DESCENT_SERVER_DAEMON_JOBS_JOB_H_
#define DESCENT_SERVER_DAEMON_JOBS_JOB_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/training_service.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/common/clock.h"
#include "server/common/loop.h"
#include "server/common/mutex.h"
#include "server/daemon/jobs/fold.h"
#include "server/daemon/jobs/history.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/jobs/request_book.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/workers/supervisor.h"

namespace descent::daemon {

// One job: what may be appended to its journal, and why (DESIGN.md, 1).
//
// Thread-safe; one mutex. Every decision is made under it, against the events already handed to
// the journal ("pending"), and appended under it, so that decisions and revisions have one order.
// What people see ("durable") and every answer and acknowledgement follow from the journal's
// callback, which runs on the journal's thread and takes the same mutex.
//
// The life of an attempt:
//   kIdle ──StartAttempt──▶ kStarting ──AttemptStarted is durable──▶ kLive ──Lost──▶ kIdle
//   kAwaited (after the daemon's restart) ──OnReconnect──▶ kLive, or ──Lost──▶ kIdle
class Job : public std::enable_shared_from_this<Job> {
 public:
  // What a job asks of the service, always posted on the loop.
  struct Environment {
    const server::Clock* clock = nullptr;
    std::shared_ptr<server::Loop> loop;
    Supervisor* supervisor = nullptr;
    std::string dir;  // of this job: checkpoints and logs
    // Counts the new ones of every job; may be null.
    std::atomic<int64_t>* iterations = nullptr;
    // Wants a worker, not before so long.
    std::function<void(const std::shared_ptr<Job>&, int64_t delay_nanos)> wants_worker;
    // Does not run any more, durably: it is final, or back in the queue at shutdown.
    std::function<void(const std::shared_ptr<Job>&)> finished;
  };

  // A journal that was just made, with these events.
  Job(Environment environment, std::shared_ptr<JobJournal> journal,
      const std::vector<v1::Event>& events);
  // Loaded from the store. Unfinished ones need Recover before anything else.
  Job(Environment environment, const StoredJob& stored);

  const std::string& id() const { return id_; }
  const std::shared_ptr<JobJournal>& journal() const { return journal_; }

  // Reads the journal back. Blocks. Idempotent.
  absl::Status LoadHistory() ABSL_LOCKS_EXCLUDED(mutex_);

  // After LoadHistory of a job that was under way: the process that may still run its attempt, and
  // the worker that stands for it until it says Hello or is lost.
  ProcessId RunningProcess() const ABSL_LOCKS_EXCLUDED(mutex_);
  void AwaitWorker(const WorkerPtr& worker) ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- For clients, from any thread.
  v1::Job Durable() const ABSL_LOCKS_EXCLUDED(mutex_);
  v1::Job DurableLight() const ABSL_LOCKS_EXCLUDED(mutex_);
  v1::JobState pending_state() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Command(const v1::CommandJobRequest& request, const std::string& principal,
               Jobs::Callback<v1::CommandJobResponse> done) ABSL_LOCKS_EXCLUDED(mutex_);
  // Those who wait for an answer get this one; their requests stay accepted.
  void AnswerWaiters(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  // OK, or why the job is out of service: its stored journal is damaged.
  absl::Status damage() const { return journal_->damage(); }
  // Ends what is under way without an event: nothing can be appended. On the loop.
  void LeaveService(const absl::Status& damage) ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- For the scheduler, on the loop.
  // Journals the attempt, then sends Start. Blocks (reads the store and the checkpoint). False: the
  // job wants no worker any more.
  bool StartAttempt(const WorkerPtr& worker) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnUnstarted(const WorkerPtr& worker) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnLost(const WorkerPtr& worker, const std::string& cause, bool clean, bool shutting_down)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<worker::v1::Welcome> OnReconnect(const WorkerPtr& worker,
                                                  const worker::v1::Hello& hello)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // What it sent, or was sent, can't be parsed: as AttemptHost. The request is rejected, else the
  // run ends as FAILED: it would be the same again.
  void OnUnreadable(const WorkerPtr& worker, const std::string& problem,
                    const std::string& request_id) ABSL_LOCKS_EXCLUDED(mutex_);
  // The worker asks for an acknowledgement.
  void OnHeartbeat(const WorkerPtr& worker) ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends it here and now, as STOPPED, without its worker, which is fenced and returned (may be
  // null).
  WorkerPtr Abandon(const std::string& reason) ABSL_LOCKS_EXCLUDED(mutex_);

  // The checkpoint that `given` names: as PredictJobRequest.checkpoint. Its file stays for as long
  // as the result is held. NOT_FOUND, FAILED_PRECONDITION if there is none yet. Blocks; on the
  // loop.
  absl::StatusOr<std::shared_ptr<const CheckpointRecord>> HoldCheckpoint(const std::string& given)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- The path of an iteration, from gRPC's threads or the loop.
  AttemptHost::Taken OnEvents(const WorkerPtr& worker, worker::v1::EventBatch* batch, bool on_loop)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  enum class Phase { kIdle, kAwaited, kStarting, kLive };
  struct Attempt {
    Phase phase = Phase::kIdle;
    int32_t number = 0;
    WorkerPtr worker;
    std::string checkpoint;
    int64_t checkpoint_iteration = -1;
    double elapsed_seconds = 0;
    int64_t recompute_until = -1;
    bool recomputing = false;
    // No iteration beyond recompute_until has come: what comes may be in the journal already.
    bool comparing = false;
    int64_t taken_sequence = 0;    // appended or compared
    int64_t durable_sequence = 0;  // may be acknowledged
    int64_t acknowledged_sequence = 0;
    int64_t acknowledged_nanos = 0;  // when
    bool asks_acknowledgement = false;
  };
  // What becomes true when an append is durable.
  struct Commit {
    std::vector<v1::Event> events;  // with revision; of iterations only the last in a row
    int32_t attempt = 0;
    int64_t sequence = 0;  // of the attempt: what may be acknowledged
    bool only_iterations = true;
    bool has_checkpoint = false;
    bool has_end = false;
    std::function<void()> then;  // with the mutex held
  };
  // Events on their way to one Append.
  struct Draft {
    std::vector<PendingEvent> pending;
    std::vector<v1::Event> events;  // as Commit's
    bool only_iterations = true;
    bool has_unfolded_iteration = false;  // the last of `pending`
    bool has_checkpoint = false;
    bool has_end = false;
  };
  // What names an evaluation's event in the present history: iteration, dataset, request_id, part.
  using EvaluationKey = std::tuple<int64_t, std::string, std::string, int32_t>;

  // All with the mutex held:
  // The fold that people see.
  const JobFold& Seen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::Event NewEvent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::Event NewState(v1::JobState state, const std::string& reason) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::Event NewNotice(const std::string& message) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds an event and folds it; `bytes` if it is serialized already.
  void Fold(const v1::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Add(v1::Event event, Draft* draft) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddSerialized(PendingEvent pending, v1::Event event, Draft* draft)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds the end: rejections of what is unresolved, then the event.
  void AddFinal(v1::Event event, Draft* draft) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // For the sentence on a failure: which checkpoint people can go on from.
  std::string WhatIsKept() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddIteration(PendingEvent pending, Draft* draft) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FoldLastIteration(Draft* draft) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Append(Draft draft, std::function<void()> then = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnDurable(const absl::Status& status, const Commit& commit) ABSL_LOCKS_EXCLUDED(mutex_);
  void ForwardAccepted(const v1::CommandAccepted& accepted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendStart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unbind() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The attempt came to an end before the run did: another one, or FAILED.
  void EndAttempt(const std::string& cause, Draft draft) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the run as FAILED, and the attempt; its worker is fenced.
  void Fail(const std::string& cause, const char* error_reason, Draft draft)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WantWorker(int64_t delay_nanos) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // OK, or why a request that nobody has made before is refused.
  absl::Status CheckNewRequest(const v1::CommandJobRequest& request,
                               const v1::CommandAccepted& asked) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Accept(const v1::CommandAccepted& accepted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StopQueued(const v1::CommandAccepted& accepted, Draft* draft)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeleteOldCheckpoints() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsCurrent(const WorkerPtr& worker, const worker::v1::EventBatch& batch) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What is durable is acknowledged at once if something waits for it, else with what comes later.
  void Acknowledge(int64_t sequence, bool at_once) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeEvents(worker::v1::EventBatch* batch, Draft* draft, std::string* diverged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeOther(PendingEvent pending, Draft* draft, std::string* diverged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeIteration(PendingEvent pending, Draft* draft, std::string* diverged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Rewind(const std::string& difference, Draft draft) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fence(const std::string& reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Without:
  // Forgets checkpoints whose files were removed as it is due.
  void ForgetRemoved(History* history) const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many are kept.
  int64_t KeptCheckpoints() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeginAwait(const WorkerPtr& worker) ABSL_LOCKS_EXCLUDED(mutex_);
  // Has book_ know all that an attempt from this checkpoint must be told. Blocks; while no
  // attempt is under way, on the loop.
  absl::Status RecallScript(int64_t checkpoint_iteration) ABSL_LOCKS_EXCLUDED(mutex_);
  // Calls `take` with every event but iterations, in order, with revision.
  absl::Status ReadOthers(const std::vector<v1::EventKind>& kinds,
                          const std::function<void(const v1::Event&)>& take) const;
  // Reads what the journal has of the iterations and evaluations in a batch into compared_.
  void ReadJournaled(const worker::v1::EventBatch& batch) ABSL_LOCKS_EXCLUDED(mutex_);
  std::string CheckpointPath(const std::string& name) const;
  // What the journal has at the evaluation's iteration in the present history.
  void ReadEvaluations(const std::string& event, const Lineage& lineage,
                       std::map<EvaluationKey, v1::Evaluated>* evaluations) const;
  absl::Status ReadRow(const Lineage& lineage, int64_t iteration,
                       std::map<int64_t, v1::Iteration>* iterations) const;

  RequestBook NewBook() const;

  const Environment environment_;
  const std::string id_;
  const std::shared_ptr<JobJournal> journal_;

  mutable server::Mutex mutex_;
  JobFold pending_ ABSL_GUARDED_BY(mutex_);
  JobFold durable_ ABSL_GUARDED_BY(mutex_);
  History history_ ABSL_GUARDED_BY(mutex_);  // pending
  RequestBook book_ ABSL_GUARDED_BY(mutex_);
  bool history_loaded_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t next_revision_ ABSL_GUARDED_BY(mutex_) = 1;
  int64_t head_iteration_ ABSL_GUARDED_BY(mutex_) = -1;
  int64_t last_iteration_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  Attempt attempt_ ABSL_GUARDED_BY(mutex_);
  int64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;       // appends
  server::CondVar landed_;                              // none is in flight
  int64_t appended_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // since the last call of Retain
  // The journal's iterations and evaluations that the next batch will be compared with.
  std::map<int64_t, v1::Iteration> compared_ ABSL_GUARDED_BY(mutex_);
  std::map<EvaluationKey, v1::Evaluated> compared_evaluations_ ABSL_GUARDED_BY(mutex_);
  // Names of checkpoints that somebody reads.
  std::multiset<std::string> held_ ABSL_GUARDED_BY(mutex_);
  // The last attempt came to nothing: perhaps because of a damaged checkpoint.
  bool checkpoint_suspected_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_JOB_H_
