// A `Checkpointer` has the checkpoints of an attempt: the one it starts from, and those it saves,
// one file an iteration however many ask for it. One thread at a time; what it is given must
// outlive it.
#ifndef DESCENT_SERVER_WORKER_SESSION_CHECKPOINTER_H_
#define DESCENT_SERVER_WORKER_SESSION_CHECKPOINTER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/train/trainer.h"
#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.pb.h"

namespace descent::worker {

class Checkpointer {
 public:
  Checkpointer(const v1::Start& start, Trainer* trainer) : start_(start), trainer_(trainer) {}

  // Makes the folder, if it can.
  void MakeFolder() const;

  // Goes to the checkpoint that the attempt starts from, if there is one. The error says what is
  // wrong with the file, or with the script that goes with it.
  absl::Status Load();
  // The iteration where the attempt starts.
  int64_t first() const { return first_; }

  // Says that the run is at this iteration now; no command has taken effect there yet.
  void Arrive(int64_t iteration);

  // Gives the state of the present iteration before any command there. It is taken when it is first
  // asked for, so ask before commands are applied.
  const RunState& Snapshot();

  // Writes that state to its file, unless it is there already, and gives the event to tell it by.
  absl::StatusOr<::descent::v1::Event> Save(const std::string& request_id);

  // The iteration of the newest file that this attempt has saved or started from; −1 if there is
  // none.
  int64_t saved_iteration() const { return saved_iteration_; }

 private:
  const v1::Start& start_;
  Trainer* const trainer_;
  int64_t first_ = 0;
  int64_t iteration_ = -1;
  std::optional<RunState> snapshot_;
  int64_t saved_iteration_ = -1;
  SavedFile saved_;  // that of saved_iteration_
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_CHECKPOINTER_H_
