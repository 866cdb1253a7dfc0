// A `System` is several players, each with a model, an objective and an optimizer, trained
// together.
//
//   absl::StatusOr<std::unique_ptr<System>> system = System::Create({.players = …});
//   while (…) {
//     auto it = (*system)->current();     // the players' iterations k: values and gradients at x_k
//     …
//     (*system)->advance();
//   }
//
// In iteration k every player's value and gradient are those at x_k, the solutions of all. A step
// goes to x_{k+1} in turns:
//   alternating  in the players' order; each sees the new solutions of those before it, so its
//                gradient is computed once more, except the first one's (Gauss–Seidel)
//   joint        all at once, by the gradients at x_k (Jacobi)
// Everything is a function of the options and the dials' turns. No exception leaves it. One thread
// at a time.
#ifndef DESCENT_CORE_SYSTEM_SYSTEM_H_
#define DESCENT_CORE_SYSTEM_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/layers.h"
#include "core/optimizer/model_run.h"
#include "core/system/player_objective.h"

namespace descent {

struct PlayerOptions {
  const Model* starting_point = nullptr;  // copied
  OptimizerOptions optimizer;
  PlayerTerms terms;
};

// Gives the part of a system's saved state that is a player's, as its own run names it.
RunState PlayerState(const RunState& state, const std::string& player);

enum class Turns : uint8_t { kAlternating, kJoint };

struct SystemOptions {
  std::vector<PlayerOptions> players;  // at least one; distinct names
  Turns turns = Turns::kAlternating;
  // True if every player minimizes the sum of all objectives, not its own.
  bool summed = false;
  uint64_t seed = 0;  // of the noise
};

class System {
 public:
  // What there is to see of the iteration that stands; valid until the next step is computed.
  struct View {
    int64_t index;
    // The sum of the players' values, or the one value that all players of a summed system have.
    double value;
    double gradient_norm;  // the norm of all gradients together
    std::span<const ModelRun::View> players;
  };

  // Gives INVALID_ARGUMENT naming the player and the field.
  static absl::StatusOr<std::unique_ptr<System>> Create(SystemOptions options);
  ~System();

  // Work as ModelRun's.
  absl::StatusOr<View> current();
  absl::Status advance();

  size_t players() const { return runs_.size(); }
  const std::string& name(size_t player) const { return (*terms_)[player].player; }
  ModelRun& run(size_t player) { return *runs_[player]; }

  // Gives each player's objective over data, in evaluation mode, at the present iteration: of the
  // solutions, or of their averages where an optimizer keeps some. `data` are inputs and targets by
  // player; undefined tensors where there are none: then a player whose terms read some has no
  // value.
  absl::StatusOr<std::vector<std::optional<double>>> Evaluate(
      std::span<const std::pair<at::Tensor, at::Tensor>> data);

  // Gives the players' states, each name after its player's: `generator/solution/0.weight`.
  RunState Save();
  // Goes on from a saved state. After an error the system is of no more use: some players may have
  // been loaded.
  absl::Status Load(const RunState& state);

 private:
  class PresentSolutions;

  explicit System(const SystemOptions& options);

  absl::Status Move();
  std::vector<double> Weights() const;

  const Turns turns_;
  const bool summed_;
  const uint64_t seed_;
  std::shared_ptr<const std::vector<PlayerTerms>> terms_;
  std::unique_ptr<PresentSolutions> roster_;
  std::vector<std::unique_ptr<ModelRun>> runs_;
  std::vector<ModelRun::View> views_;
  std::vector<double> weights_;  // of all terms, when they were evaluated last
  bool marked_ = false;
};

}  // namespace descent

#endif  // DESCENT_CORE_SYSTEM_SYSTEM_H_
