// A `TrainingLoop` takes a run from boundary to boundary. At boundary k it does, in this order: the
// iteration event; an evaluation and a checkpoint if due; the commands that are for k (steering.h).
//
// The run ends at its last iteration, where a test of `Spec.stop_when` holds, or, by
// `Spec.on_non_finite`, where a number is not finite. What ends it is one transaction of the
// journal, so that a test on times has decided for good or not at all; up to `recompute_until` such
// tests don't decide.
#ifndef DESCENT_SERVER_WORKER_SESSION_TRAINING_LOOP_H_
#define DESCENT_SERVER_WORKER_SESSION_TRAINING_LOOP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/train/trainer.h"
#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/common/clock.h"
#include "server/worker/session/checkpointer.h"
#include "server/worker/session/computing_time.h"
#include "server/worker/session/evaluator.h"
#include "server/worker/session/inbox.h"
#include "server/worker/session/journalist.h"
#include "server/worker/session/mapped_data.h"
#include "server/worker/session/steering.h"

namespace descent::worker {

// It is used on the trainer's thread alone; what it is given by pointer, and `start`, must outlive
// it.
class TrainingLoop {
 public:
  enum class End {
    kFinal,  // the run is over: SUCCEEDED, STOPPED or FAILED
    kLeft,   // it was asked to leave, and has saved a checkpoint
    // The checkpoint can't be read, or the device is out of order: another attempt may start, from
    // an older one.
    kBroken,
  };

  TrainingLoop(const v1::Start& start, std::unique_ptr<Trainer> trainer, MappedData data,
               Inbox* inbox, Journalist* journal, ComputingTime* time, const server::Clock* clock);

  // Runs from the checkpoint of `start`, or the starting point, to the end. The journal is told
  // what ended it.
  End Run();

 private:
  enum class Next { kStep, kStop, kLeave, kFailed };

  // Says so in the journal.
  End Broken(const std::string& problem);
  void Begin();
  Next Boundary(const Trainer::Boundary& boundary);
  // Checks, at the end of an epoch and of the run, that the data are those that it began with.
  absl::Status CheckData();
  // Makes what is due at k: the events of an evaluation and a checkpoint. The error ends the run.
  absl::StatusOr<std::vector<::descent::v1::Event>> DueEvents();
  // Ends the run, with the last events.
  Next Finish(std::vector<::descent::v1::Event> events);
  // Says what is not finite at k, or nothing.
  std::string NonFinite(const Trainer::Boundary& boundary);
  Next Diverge(const std::string& what);
  // error_reason is StateChanged's.
  Next Fail(const std::string& cause, const char* error_reason);
  bool stops_on_non_finite() const {
    return start_.spec().on_non_finite() == ::descent::v1::Spec::STOP;
  }
  // True if the run ends at k, unless people stop it there.
  bool last() const { return !stop_reasons_.empty() || trainer_->agenda().last(k_); }

  const v1::Start& start_;
  const std::unique_ptr<Trainer> trainer_;
  MappedData data_;
  Journalist* const journal_;
  ComputingTime* const time_;
  Checkpointer checkpointer_;
  Evaluator evaluator_;
  Steering steering_;

  int64_t k_ = -1;                        // the present iteration; −1: none yet
  std::vector<StopReason> stop_reasons_;  // the tests that hold at k
  std::string non_finite_;                // what is not finite at k
  bool non_finite_said_ = false;
  int64_t missed_checkpoints_ = 0;  // that were due since the last one, and could not be saved
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_TRAINING_LOOP_H_
