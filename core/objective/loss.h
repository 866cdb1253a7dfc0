// A `Loss` makes one number of predictions and targets: the mean over a batch.
//
// A kind of loss is one small file: an option struct that declares its fields (core/fields) and
// makes a `Loss`, with its plan beside its formula. `Huber{.delta = 2}` becomes a Loss by itself;
// it throws std::invalid_argument if a field is out of range. All of them are listed in
// loss_kinds.h.
#ifndef DESCENT_CORE_OBJECTIVE_LOSS_H_
#define DESCENT_CORE_OBJECTIVE_LOSS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"
#include "core/objective/loss_plan.h"
#include "core/plan/plan_builder.h"
#include "core/sequence/range.h"

namespace descent {

// What the predictions that a loss is for stand for, and what its targets are.
enum class Predicts : uint8_t {
  // The targets' own numbers; targets have the predictions' shape and dtype.
  kValues,
  // A score for each class along the last dimension, the greatest being the predicted one; targets
  // are class indices (int64) of the predictions' shape without that dimension. One score alone
  // speaks for class 1 against class 0: class 1 is predicted if it is > 0.
  kClass,
  // Scores likewise; targets are the probabilities of the classes, of the predictions' shape.
  kProbabilities,
  // A score for each of several questions, which means yes if it is > 0; targets of the
  // predictions' shape are the probabilities of a yes.
  kYesOrNo,
};

// A value; any thread (if the functions are).
struct Loss {
  std::string name;  // `cross_entropy`
  // The formula, differentiable; the result is a tensor with one number.
  std::function<at::Tensor(const at::Tensor& predictions, const at::Tensor& targets)> function;
  Predicts predicts = Predicts::kValues;
  // True if the value is the mean of −log p(target), so that exp(value) is a perplexity.
  bool likelihood = false;
  // Where targets that are no class indices must lie.
  std::optional<Range> target_range = {};
  // Checks shapes of one example. If empty, anything goes.
  std::function<absl::Status(const Shape& output, const Shape& target)> check = {};
  // What a batch's value was divided by, so that values of several batches make an exact mean: the
  // sum of the weights that classes have. A loss of classes that has one leaves ignored targets
  // out. If empty, it is the number of examples.
  std::function<double(const at::Tensor& targets)> weight = {};
  // States value and derivative as steps of a static plan; false if it has none for these shapes
  // and dtypes. If empty, the loss goes by autograd.
  std::function<bool(PlanBuilder& plan, const LossPlan& loss)> plan = {};
  // What predictions say of the probabilities of classes, or of a yes, in the same shape and dtype.
  // If empty, they say nothing.
  std::function<at::Tensor(const at::Tensor& predictions)> probabilities = {};

  at::Tensor operator()(const at::Tensor& predictions, const at::Tensor& targets) const {
    return function(predictions, targets);
  }

  // Gives INVALID_ARGUMENT naming both shapes if a model's output of `output` and targets of
  // `target` (both of one example; class indices have the shape []) don't go together.
  absl::Status CheckShapes(const Shape& output, const Shape& target) const;

  // Gives what `weight` is to give, which has the explanation.
  double WeightOf(const at::Tensor& targets) const;
};

// Makes a loss of options of a kind. Throws std::invalid_argument naming the field that is out of
// range.
template <Declared O>
Loss MakeLoss(const O& options) {
  ThrowUnlessValid(options);
  return options.Make();
}

// Give `CrossEntropy{}` and `MeanSquaredError{}`, the two that need no options.
Loss cross_entropy();
Loss mean_squared_error();

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_LOSS_H_
