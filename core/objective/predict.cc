#include "core/objective/predict.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "ATen/core/Tensor.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/empty.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/model/layers.h"
#include "core/objective/loss.h"
#include "core/text/exception_text.h"

namespace descent {

absl::Status Predict(const Model& model, const at::Tensor& inputs, int64_t batch_size,
                     absl::FunctionRef<absl::Status(const at::Tensor& outputs)> take) try {
  if (batch_size < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch_size: ", batch_size, " is too small; give a number ≥ 1"));
  }
  if (inputs.dim() < 1 || inputs.size(0) < 1) {
    return absl::InvalidArgumentError("there is nothing to predict: the inputs have no rows");
  }
  const at::NoGradGuard no_graph;
  const int64_t examples = inputs.size(0);
  const at::Device device = model.parameters()[0].tensor.device();
  for (int64_t first = 0; first < examples; first += batch_size) {
    const int64_t count = std::min(batch_size, examples - first);
    const at::Tensor batch = inputs.narrow(0, first, count).to(device);
    if (absl::Status status = take(model(batch)); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
} catch (const std::exception& error) {
  return absl::InvalidArgumentError(
      absl::StrCat("the model can't be used on these data: ", ExceptionText(error)));
}

bool PredictsClasses(Predicts predicts) { return predicts != Predicts::kValues; }

Shape PredictedShape(Predicts predicts, const Shape& output) {
  if (predicts == Predicts::kYesOrNo) return output;
  return {output.begin(), output.end() - 1};
}

int64_t PredictedClass(std::span<const double> scores) {
  if (scores.size() == 1) return scores[0] > 0 ? 1 : 0;
  size_t best = 0;
  for (size_t j = 1; j < scores.size(); ++j) {
    if (scores[j] > scores[best]) best = j;
  }
  return static_cast<int64_t>(best);
}

at::Tensor PredictedClasses(Predicts predicts, const at::Tensor& outputs) {
  const at::Tensor scores = outputs.to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor classes =
      at::empty(PredictedShape(predicts, outputs.sizes().vec()), at::TensorOptions(at::kLong));
  const size_t width = predicts == Predicts::kYesOrNo ? 1 : static_cast<size_t>(outputs.size(-1));
  std::span<const double> left(scores.const_data_ptr<double>(),
                               static_cast<size_t>(scores.numel()));
  auto* next = classes.mutable_data_ptr<int64_t>();
  for (; !left.empty(); left = left.subspan(width)) *next++ = PredictedClass(left.first(width));
  return classes;
}

}  // namespace descent
