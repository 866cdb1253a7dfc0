// `Steering` is how a run is steered from outside, between its iterations: by what the journal says
// was commanded at a boundary (`Start.script`), then, from `Start.recompute_until` on, by what
// people ask for, in order of arrival.
//
// A request is applied once, however often it is delivered; each is answered by one event. While
// the run is paused, it waits here. Up to `recompute_until` no state is announced, since the
// journal has those states.
#ifndef DESCENT_SERVER_WORKER_SESSION_STEERING_H_
#define DESCENT_SERVER_WORKER_SESSION_STEERING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/train/trainer.h"
#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/worker/session/checkpointer.h"
#include "server/worker/session/computing_time.h"
#include "server/worker/session/evaluator.h"
#include "server/worker/session/inbox.h"
#include "server/worker/session/journalist.h"
#include "server/worker/session/request.h"
#include "server/worker/session/waiting_requests.h"

namespace descent::worker {

// It is used on the trainer's thread alone; what it is given must outlive it.
class Steering {
 public:
  // What the run does after a boundary's commands.
  enum class Next {
    kStep,
    kStop,   // the journal says so
    kLeave,  // a checkpoint is saved, if it can be
  };

  // The parts of the run that commands act on.
  struct Run {
    Trainer* trainer;
    Checkpointer* checkpointer;
    Evaluator* evaluator;
    Journalist* journal;
    ComputingTime* time;
  };

  Steering(const v1::Start& start, Inbox* inbox, const Run& run);

  // Announces the state where the attempt starts, if nothing there is computed again.
  void Begin(int64_t first);

  // Does all commands at boundary `iteration`. `ends` says that the run is over there unless people
  // stop it.
  Next AtBoundary(int64_t iteration, bool ends);

  // Gives the checkpoint at the run's end, or that of the request that stops it: waits for as long
  // as it can't be saved, and says so; others' requests are too late. The error comes only if the
  // worker is asked to leave meanwhile.
  absl::StatusOr<::descent::v1::Event> LastCheckpoint(int64_t iteration,
                                                      const std::string& request_id);

  // True if the worker was asked to leave, as far as news was taken.
  bool leave() const { return leave_; }
  // The state that the run is in: RUNNING or PAUSED.
  ::descent::v1::JobState state() const;
  // The last state that the journal was told of.
  ::descent::v1::JobState told_state() const;

 private:
  using Request = ::descent::v1::CommandAccepted;

  // Takes in what has been delivered.
  void TakeNews();
  // Answers all that wait with why it is too late for them.
  void RejectAll(const std::string& why);
  void ApplyScript();
  void ApplyDue();
  // One of the script was taken once, and is taken again whatever is refused today.
  void Apply(const Request& request, bool scripted, std::optional<int64_t> reapplied_from);
  void Reject(const Request& request, const Refusal& refusal);
  void RejectStopped(const Request& request);
  void Announce();
  bool computed_before() const { return iteration_ < start_.recompute_until(); }

  const v1::Start& start_;
  Inbox* const inbox_;
  const Run run_;
  int64_t iteration_ = -1;  // the present one; −1: none yet
  int next_scripted_ = 0;
  WaitingRequests waiting_;
  bool announced_ = false;  // whether RUNNING or PAUSED was said
  bool paused_ = false;
  bool stop_ = false;
  std::string stop_reason_;
  bool leave_ = false;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_STEERING_H_
