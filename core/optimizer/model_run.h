// A `ModelRun` is a run of any optimizer over a `Model`, chosen at run time: what a worker holds.
//
// No exception leaves it: whatever the objective or LibTorch throws comes back as a status. It owns
// the iterates. Not thread-safe; dials are turned between `current` and `advance`.
//
//   auto run = ModelRun::Create(Adam{}, model, objective);
//   while (…) {
//     auto it = (*run)->current();          // computes iteration k
//     …                                     // boundary k: look, save, turn dials
//     (*run)->advance();                    // marks k + 1; the step is made by the next current()
//   }
#ifndef DESCENT_CORE_OPTIMIZER_MODEL_RUN_H_
#define DESCENT_CORE_OPTIMIZER_MODEL_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/layers.h"
#include "core/optimizer/any_objective.h"
#include "core/optimizer/any_optimizer.h"
#include "core/optimizer/run.h"
#include "core/optimizer/run_state.h"
#include "core/optimizer/state.h"

namespace descent {

// Options of any optimizer over a model: `Adam{}`, a wrapper around one, one's own.
using OptimizerOptions = AnyOptimizer<Model>;

struct NamedNumber {
  std::string name;
  double value;
};

class ModelRun final {
 public:
  // What there is to see at the boundary of iteration `index`; the references hold until the next
  // step is computed.
  struct View {
    int64_t index;
    double value;
    double gradient_norm;
    std::optional<double>
        step_size;  // used in the step that produced the solution; index 0 has none
    const Model& solution;
    const Model& gradient;
    int64_t evaluations;  // of the objective, since iteration 0
    // What is to be evaluated: the averaged weights of an optimizer that keeps some, else the
    // solution.
    const Model& average;
    // The weights of the objective's terms and penalties, at this evaluation.
    std::span<const double> weights;
    // Why the last step left the solution where it was, if the next one by the same objective
    // would, too ("the gradient is zero"); empty otherwise.
    std::string_view stuck;
    // True if the objective is another one in each iteration.
    bool objective_changes;
  };

  // Gives INVALID_ARGUMENT naming the field if a hyperparameter is out of range.
  static absl::StatusOr<std::unique_ptr<ModelRun>> Create(const OptimizerOptions& options,
                                                          const Model& x0,
                                                          AnyObjective<Model> objective);

  // Gives the present iteration, which is computed at the first look. INTERNAL with LibTorch's
  // message if the objective fails; the run then stands where it stood.
  absl::StatusOr<View> current();
  // Marks the next iteration. Computes the present one first if nobody has looked at it.
  absl::Status advance();

  // For runs whose objectives depend on each other's solutions: makes the step that advance() has
  // marked and evaluates nothing there. If the objective has moved since it was evaluated last, its
  // gradient is computed once more before.
  absl::Status move(bool objective_moved);
  // The solution of the iteration that stands, without computing anything; it is another object
  // after each step.
  const Model& solution() const { return run_.solution(); }

  // The dials; `step_size` is the first, if there is one. Settables are shared handles; `used` is
  // up to date. Valid as long as the run.
  std::span<Dial* const> dials() { return run_.dials(); }
  // Further numbers of the optimizer, as of the iteration last looked at: the same names in the
  // same order every time. Valid until the next call.
  std::span<const NamedNumber> numbers();

  // The state as of the iteration last looked at, before dials are turned. The tensors are the
  // run's own memory: write them out, or clone them, before the run goes on.
  RunState Save();
  // Goes on from a saved state (tensors are copied, other dtypes refused). INVALID_ARGUMENT naming
  // what is missing, unknown or of another shape, with nothing changed. The next `current()` gives
  // the saved iteration again, bit for bit.
  absl::Status Load(const RunState& state);

 private:
  explicit ModelRun(Run<Model> run) : run_(std::move(run)) {}

  Run<Model> run_;
  std::optional<double> gradient_norm_;  // of the present iteration, once it was looked at
  std::vector<NamedNumber> numbers_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_MODEL_RUN_H_
