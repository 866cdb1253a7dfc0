// `RunState` is the state of a run over a `Model` in names, numbers and tensors: what a checkpoint
// holds. Free functions; not thread-safe on the same run.
#ifndef DESCENT_CORE_OPTIMIZER_RUN_STATE_H_
#define DESCENT_CORE_OPTIMIZER_RUN_STATE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "core/model/layers.h"
#include "core/optimizer/run.h"

namespace descent {

// The names are such as `solution/hidden.weight`, `exp_avg/hidden.weight`,
// `state/norm.running_mean` (tensors), `step_size.override` (a number), `iteration`,
// `step_size.position` (integers).
struct RunState {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  std::vector<std::pair<std::string, double>> numbers;
  std::vector<std::pair<std::string, int64_t>> integers;
};

// The tensors of the result are the run's own memory.
RunState SaveRun(Run<Model>& run);
// Gives OK, or INVALID_ARGUMENT naming what is missing, unknown, negative or of another shape or
// dtype than the run's. Changes nothing.
absl::Status CheckRunState(Run<Model>& run, const RunState& state);
// Writes what CheckRunState has found in order, its numbers before its tensors; tensors that the
// state lacks stay. Throws std::invalid_argument if a dial refuses its number.
void RestoreRun(Run<Model>& run, const RunState& state);

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_RUN_STATE_H_
