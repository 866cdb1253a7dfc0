#include "core/objective/evaluate.h"

#include <algorithm>
#include <cstdint>
#include <exception>

#include "ATen/core/Tensor.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/argmax.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/layers.h"
#include "core/objective/loss.h"
#include "core/space/number.h"

namespace descent {

absl::StatusOr<EvaluationResult> Evaluate(const Model& model, const Loss& loss,
                                          const at::Tensor& inputs, const at::Tensor& targets,
                                          int64_t batch_size) try {
  if (batch_size < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch_size: ", batch_size, " is too small; give a number ≥ 1"));
  }
  if (inputs.dim() < 1 || targets.dim() < 1 || inputs.size(0) < 1 ||
      inputs.size(0) != targets.size(0)) {
    return absl::InvalidArgumentError(
        "the data to evaluate on need as many targets as inputs, and at least one");
  }
  const at::NoGradGuard no_graph;
  const int64_t examples = inputs.size(0);
  double sum = 0;
  int64_t right = 0;
  for (int64_t first = 0; first < examples; first += batch_size) {
    const int64_t count = std::min(batch_size, examples - first);
    const at::Tensor batch_targets = targets.narrow(0, first, count);
    const at::Tensor predictions = model(inputs.narrow(0, first, count));
    sum += Number(loss(predictions, batch_targets)) * static_cast<double>(count);
    if (loss.classifies) right += predictions.argmax(1).eq(batch_targets).sum().item<int64_t>();
  }
  EvaluationResult result{
      .loss = sum / static_cast<double>(examples), .accuracy = {}, .examples = examples};
  if (loss.classifies) {
    result.accuracy = static_cast<double>(right) / static_cast<double>(examples);
  }
  return result;
} catch (const c10::Error& error) {
  return absl::InvalidArgumentError(
      absl::StrCat("the model can't be evaluated on these data: ", error.what_without_backtrace()));
} catch (const std::exception& error) {
  return absl::InvalidArgumentError(
      absl::StrCat("the model can't be evaluated on these data: ", error.what()));
}

}  // namespace descent
