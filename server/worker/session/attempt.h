#ifndef DESCENT_SERVER_WORKER_SESSION_ATTEMPT_H_
#define DESCENT_SERVER_WORKER_SESSION_ATTEMPT_H_

// One attempt of a job: from the daemon's Start to the event that ends the run, or until the worker
// is asked to leave. Runs on the thread that calls Run; commands take effect between iterations.
//
// At boundary k, in this order: the iteration event; an evaluation and a checkpoint if due; the
// requests that the journal has at k (`Start.script`); from `Start.recompute_until` on, people's
// requests in order of arrival. While paused, the run waits there. A request is applied once,
// however often it is delivered.
//
// The run ends at its last iteration, where a test of `Spec.stop_when` holds, or, by
// `Spec.on_non_finite`, where a number is not finite. What ends it is one
// transaction of the journal, so that a test on times has decided for good or not at all; up to
// `recompute_until` such tests don't decide.

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/data/file.h"
#include "core/train/trainer.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/common/clock.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/session/inbox.h"
#include "server/worker/session/journalist.h"
#include "server/worker/session/outbox.h"
#include "server/worker/session/request.h"

namespace descent::worker {

class Attempt {
 public:
  enum class End {
    kFinal,  // the run is over: SUCCEEDED, STOPPED or FAILED
    kLeft,   // asked to leave; checkpoint saved
    // The checkpoint can't be read, or the device is out of order: another attempt may start, from
    // an older one.
    kBroken,
  };

  Attempt(v1::Start start, DataCache* cache, Inbox* inbox, Outbox* outbox, Clock* clock);

  End Run();

 private:
  enum class Next { kStep, kStop, kLeave, kFailed };
  using Event = ::descent::v1::Event;
  using Accepted = ::descent::v1::CommandAccepted;

  // Says so in the journal.
  End Broken(const std::string& problem);
  // Loads data and model. The error is the run's cause of failure.
  absl::Status Build();
  // Goes to where the attempt starts.
  absl::Status LoadCheckpoint();
  void Begin();
  Next Boundary(const Trainer::Boundary& boundary);
  void WriteIteration(const Trainer::Boundary& boundary);
  // What is due at k: the events of an evaluation and a checkpoint. The error ends the run.
  absl::StatusOr<std::vector<Event>> DueEvents();

  // At the end of an epoch, and of the run: whether the data are those that it began with.
  absl::Status CheckData();

  Next CommandStage();
  void ApplyScript();
  void ApplyDue();
  void TakeNews();
  void Await(Accepted request);
  void RejectAll(const std::string& why);
  void Apply(const Accepted& request, std::optional<int64_t> reapplied_from);
  void Reject(const Accepted& request, const Refusal& refusal);
  void Announce();
  // No more need to know that this request was delivered, once many others were.
  void Answered(const std::string& request_id);

  // Events of an evaluation or a checkpoint at the present iteration; each made once. Of an
  // evaluation in parts the last one, the others being written.
  absl::StatusOr<Event> EvaluationEvent(const std::string& request_id);
  absl::StatusOr<Event> CheckpointEvent(const std::string& request_id);
  // The one at the run's end: waits for as long as it can't be saved, and says so; the error comes
  // only if the worker is asked to leave meanwhile.
  absl::StatusOr<Event> LastCheckpoint();
  Event NoticeEvent(::descent::v1::Notice::Severity severity, const std::string& message) const;
  // Of iteration k before any command there.
  const RunState& Snapshot();
  Event StateEvent(::descent::v1::JobState from, ::descent::v1::JobState to,
                   const std::string& reason) const;
  ::descent::v1::JobState state() const;
  // error_reason: StateChanged's.
  void Fail(const std::string& cause, const char* error_reason);
  Next Diverge(const std::string& what);
  // What is not finite at k, or an empty text.
  std::string NonFinite(const Trainer::Boundary& boundary);
  double ElapsedSeconds() const;
  bool stops_on_non_finite() const {
    return start_.spec().on_non_finite() == ::descent::v1::Spec::STOP;
  }
  int64_t last_iteration() const { return trainer_->agenda().iterations; }
  // The run ends at k, unless people stop it there.
  bool last() const { return !stop_reasons_.empty() || trainer_->agenda().last(k_); }

  static v1::Start Resolved(v1::Start start);

  const v1::Start start_;
  DataCache* const cache_;
  Inbox* const inbox_;
  Clock* const clock_;
  Journalist journal_;
  std::unique_ptr<Trainer> trainer_;

  int64_t first_ = 0;                 // where the attempt starts
  int64_t k_ = -1;                    // the present iteration; −1: none yet
  std::optional<RunState> snapshot_;  // at k, before any command
  int64_t saved_iteration_ = -1;      // of the newest checkpoint file, and its digest
  SavedFile saved_;
  std::optional<double> evaluation_seconds_;  // at k
  std::vector<StopReason> stop_reasons_;      // tests that hold at k
  std::string non_finite_;                    // what is, at k
  bool non_finite_said_ = false;

  std::vector<FileDigest> mapped_;  // data files that may change meanwhile
  int64_t data_checked_nanos_ = 0;

  int next_scripted_ = 0;
  std::set<std::string> known_;  // request ids: open ones, and the last that were answered
  std::deque<std::string> answered_;
  std::vector<Accepted> waiting_;  // in order of arrival
  // No waiting request is for an iteration before this one, so that those for later cost nothing.
  int64_t due_ = std::numeric_limits<int64_t>::max();
  bool announced_ = false;  // RUNNING or PAUSED was said
  bool paused_ = false;
  bool stop_ = false;
  bool leave_ = false;
  std::string stop_reason_;

  int64_t began_nanos_ = 0;
  int64_t paused_nanos_ = 0;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_ATTEMPT_H_
