// A `Checkpoint` is a run's state as a file: tensors under their names, everything else in the
// header.
//
// The file is a function of the run's state alone (no times, no attempt), so that a run that is
// computed again writes the same bytes. Free functions; any thread.
#ifndef DESCENT_CORE_TRAIN_CHECKPOINT_H_
#define DESCENT_CORE_TRAIN_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/checkpoint/safetensors.h"
#include "core/optimizer/model_run.h"

namespace descent {

// The prefix of the states that evaluations give the averaged solution; a run goes on without them.
inline constexpr std::string_view kAverageStates = "average_state/";

struct CheckpointInfo {
  int64_t branch = 0;
  int64_t iteration = 0;
  std::string spec;  // what was trained, as text, for people who open the file later
};

struct Checkpoint {
  CheckpointInfo info;
  RunState state;
};

absl::StatusOr<SavedFile> SaveCheckpoint(const std::string& path, const CheckpointInfo& info,
                                         const RunState& state);

// Gives the errors of ReadSafetensors, and INVALID_ARGUMENT naming file and field if it is a
// safetensors file but no checkpoint of this version. Whether it is one of this model,
// ModelRun::Load decides.
absl::StatusOr<Checkpoint> LoadCheckpoint(const std::string& path,
                                          const std::string& expected_sha256);

}  // namespace descent

#endif  // DESCENT_CORE_TRAIN_CHECKPOINT_H_
