// Loads the model in a checkpoint, to be used and not to be trained. A free function; any thread.
#ifndef DESCENT_CORE_TRAIN_LOAD_MODEL_H_
#define DESCENT_CORE_TRAIN_LOAD_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/layers.h"
#include "core/objective/loss_sum.h"
#include "core/optimizer/model_run.h"

namespace descent {

struct LoadedModel {
  Model model;  // what evaluations look at: averaged, if the optimizer keeps an average
  int64_t iteration = 0;
};

// `model` is any of the same parameters. `optimizer` and `weights` (the dials of the objective) are
// those of the run: they say what else is in the file. `player` says whose model it is in a system.
// Gives the errors of LoadCheckpoint, and INVALID_ARGUMENT naming what does not fit if the
// checkpoint is one of another model or optimizer.
absl::StatusOr<LoadedModel> LoadModel(const Model& model, const OptimizerOptions& optimizer,
                                      const std::vector<LossWeight>& weights,
                                      const std::string& path, const std::string& expected_sha256,
                                      const std::string& player = "");

}  // namespace descent

#endif  // DESCENT_CORE_TRAIN_LOAD_MODEL_H_
