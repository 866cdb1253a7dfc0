// What losses of class indices have in common.
//
// Predictions are [batch, …, classes] with one row of scores for each target, targets [batch, …] of
// int64 in [0, classes); a target of −100 does not count, as in PyTorch. The classes come last,
// where PyTorch has them second: a model of sequences gives [batch, time, classes]. Free functions;
// any thread.
#ifndef DESCENT_CORE_OBJECTIVE_CLASS_LOSS_H_
#define DESCENT_CORE_OBJECTIVE_CLASS_LOSS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "core/model/layer.h"
#include "core/objective/loss_plan.h"

namespace descent {

inline constexpr int64_t kIgnoredTarget = -100;

// Gives INVALID_ARGUMENT naming both shapes if they don't go together, or `class_weights` if there
// is another number of them (0: none) than of classes; or if there are too few classes.
absl::Status CheckClassShapes(std::string_view loss, const Shape& output, const Shape& target,
                              size_t class_weights = 0, size_t least_classes = 2);

// Checks a batch in the same way; throws std::invalid_argument.
void ThrowUnlessClassShapes(std::string_view loss, const at::Tensor& predictions,
                            const at::Tensor& targets);

// True if a plan's predictions and targets are of such shapes, and the weights as many as the
// classes.
bool HasClassShapes(const LossPlan& loss, size_t class_weights = 0);

// Throws std::invalid_argument naming target and classes.
[[noreturn]] void ThrowNoSuchClass(std::string_view loss, int64_t target, int64_t classes);

// View predictions [batch, …, classes] as [rows, classes], and targets as [rows].
at::Tensor RowsOf(const at::Tensor& predictions);
at::Tensor FlatTargets(const at::Tensor& targets);

// Gives the weights [classes] in that dtype on that device; undefined if there are none.
at::Tensor WeightTensor(const std::vector<double>& class_weights, const at::TensorOptions& options);

// Gives mean(targets, weights), a mean over targets that divides by the sum of their weights. For
// targets none of which counts (ignored, or of a class of weight 0) it is 0 and has no derivative,
// where the quotient would be 0/0. `mean` gets targets and class weights of which some count.
at::Tensor MeanOfClasses(
    const at::Tensor& targets, const at::Tensor& weights,
    absl::FunctionRef<at::Tensor(const at::Tensor& targets, const at::Tensor& weights)> mean);

// Gives the sum of the weights of the targets' classes, or their number; without those that don't
// count.
double WeightOfTargets(const at::Tensor& targets, const std::vector<double>& class_weights);

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_CLASS_LOSS_H_
