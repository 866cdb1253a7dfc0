// The trainer of a system. Dials and series bear the player's name before their path:
// `generator.optimizer.adam.step_size`, `generator.value`. Free functions; any thread.
#ifndef DESCENT_CORE_TRAIN_SYSTEM_TRAINER_H_
#define DESCENT_CORE_TRAIN_SYSTEM_TRAINER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/data/batches.h"
#include "core/data/dataset.h"
#include "core/system/system.h"
#include "core/train/trainer.h"

namespace descent {

struct SystemTrainerOptions {
  SystemOptions system;
  // By these samples and epochs are counted; null if there are none.
  std::shared_ptr<Batches> batches = {};
  // The test data by player; none where it has none.
  std::vector<std::optional<Dataset>> test = {};
  // The training data by player that evaluations are of besides; none: of the test data alone.
  std::vector<std::optional<Dataset>> evaluated_train = {};
  Agenda agenda = {};
  // The tests, without those on the solution and on single numbers of the gradient.
  StopTests stop_when = {};
  // Gives paths as TrainerOptions' does, within a player.
  std::function<std::string(size_t player, std::string_view name)> dial_path = {};
  std::string spec = {};
};

// Gives INVALID_ARGUMENT naming the player and the field. Evaluations give each player's objective,
// `generator.loss`, and their sum as the loss; over training data `generator.train_loss` and
// `train_loss`. A player that reads data and has none of that kind has no part in them.
absl::StatusOr<std::unique_ptr<Trainer>> MakeSystemTrainer(SystemTrainerOptions options);

}  // namespace descent

#endif  // DESCENT_CORE_TRAIN_SYSTEM_TRAINER_H_
