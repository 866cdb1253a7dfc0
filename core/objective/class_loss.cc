#include "core/objective/class_loss.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/from_blob.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/objective/loss_plan.h"

namespace descent {
namespace {

// True if `targets` is `predictions` without the last dimension.
template <class Sizes>
bool OneRowEach(const Sizes& predictions, const Sizes& targets) {
  return predictions.size() == targets.size() + 1 &&
         std::equal(targets.begin(), targets.end(), predictions.begin());
}

}  // namespace

absl::Status CheckClassShapes(std::string_view loss, const Shape& output, const Shape& target,
                              size_t class_weights, size_t least_classes) {
  const std::string name(loss);
  if (output.empty() || !OneRowEach(output, target)) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": needs one score per class and one class index per example, but the model gives ",
        ToString(output), " and the targets are ", ToString(target)));
  }
  const auto classes = static_cast<size_t>(output.back());
  if (classes < least_classes) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": one score is no choice; give the model a score for each class, or use ",
        "binary_cross_entropy_with_logits"));
  }
  if (class_weights == 0 || class_weights == classes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": class_weights are ", class_weights,
                                                 " numbers, but the model gives ", classes,
                                                 " classes"));
}

void ThrowUnlessClassShapes(std::string_view loss, const at::Tensor& predictions,
                            const at::Tensor& targets) {
  if (predictions.dim() >= 2 && OneRowEach(predictions.sizes(), targets.sizes())) return;
  throw std::invalid_argument(
      absl::StrCat(std::string(loss), ": needs predictions [batch, …, classes] and targets ",
                   "[batch, …], but these are ", ToString(predictions.sizes().vec()), " and ",
                   ToString(targets.sizes().vec())));
}

bool HasClassShapes(const LossPlan& loss, size_t class_weights) {
  const std::vector<int64_t>& sizes = loss.predictions.sizes();
  return sizes.size() >= 2 && OneRowEach(sizes, loss.targets.sizes()) &&
         loss.targets.dtype() == at::kLong &&
         (class_weights == 0 || class_weights == static_cast<size_t>(sizes.back()));
}

void ThrowNoSuchClass(std::string_view loss, int64_t target, int64_t classes) {
  throw std::invalid_argument(absl::StrCat(std::string(loss), ": target ", target,
                                           " is out of range; there are ", classes, " classes"));
}

at::Tensor RowsOf(const at::Tensor& predictions) {
  return predictions.dim() == 2 ? predictions : predictions.reshape({-1, predictions.size(-1)});
}

at::Tensor FlatTargets(const at::Tensor& targets) {
  return targets.dim() == 1 ? targets : targets.reshape({-1});
}

at::Tensor WeightTensor(const std::vector<double>& class_weights,
                        const at::TensorOptions& options) {
  if (class_weights.empty()) return at::Tensor();
  const at::Tensor numbers =
      at::from_blob(const_cast<double*>(class_weights.data()),
                    {static_cast<int64_t>(class_weights.size())}, at::kDouble);
  return numbers.to(options, /*non_blocking=*/false, /*copy=*/true);
}

at::Tensor MeanOfClasses(
    const at::Tensor& targets, const at::Tensor& weights,
    absl::FunctionRef<at::Tensor(const at::Tensor& targets, const at::Tensor& weights)> mean) {
  const auto count = [&](const at::Tensor& t) {
    const at::Tensor counts = t.ne(kIgnoredTarget);
    if (!weights.defined()) return counts.any();
    const at::Tensor known = t.clamp(0, weights.size(0) - 1);  // the loss refuses other classes
    return counts.logical_and(weights.take(known).ne(0)).any();
  };
  // Nearly always the first target counts, so it is looked at first.
  if (targets.is_cpu() && (targets.numel() == 0 || count(targets.narrow(0, 0, 1)).item<bool>())) {
    return mean(targets, weights);
  }
  const at::Tensor some = count(targets), none = some.logical_not();
  const at::Tensor value =
      mean(targets.masked_fill(none.logical_and(targets.eq(kIgnoredTarget)), 0),
           weights.defined() ? weights + none : weights);
  return value * some;
}

double WeightOfTargets(const at::Tensor& targets, const std::vector<double>& class_weights) {
  const at::Tensor flat = targets.to(at::kCPU).contiguous();
  const int64_t* classes = flat.const_data_ptr<int64_t>();
  double sum = 0;
  for (int64_t i = 0; i < flat.numel(); ++i) {
    if (classes[i] == kIgnoredTarget) continue;
    sum += class_weights.empty() ? 1 : class_weights.at(static_cast<size_t>(classes[i]));
  }
  return sum;
}

}  // namespace descent
