#include "core/objective/loss.h"

#include <stdexcept>

#include "ATen/core/Reduction.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/log_softmax.h"
#include "ATen/ops/mse_loss.h"
#include "ATen/ops/nll_loss.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/objective/loss_plan.h"

namespace descent {

absl::Status Loss::CheckShapes(const Shape& output, const Shape& target) const {
  return check ? check(output, target) : absl::OkStatus();
}

Loss cross_entropy() {
  return {.name = "cross_entropy",
          .function =
              [](const at::Tensor& predictions, const at::Tensor& targets) {
                return at::nll_loss(at::log_softmax(predictions, 1), targets);
              },
          .classifies = true,
          .check =
              [](const Shape& output, const Shape& target) {
                if (output.size() == 1 && target.empty()) return absl::OkStatus();
                return absl::InvalidArgumentError(absl::StrCat(
                    "cross_entropy: needs one score per class and one class index per example, "
                    "but the model gives ",
                    ToString(output), " and the targets are ", ToString(target)));
              },
          .plan = PlanCrossEntropy};
}

Loss mean_squared_error() {
  return {.name = "mean_squared_error",
          .function =
              [](const at::Tensor& predictions, const at::Tensor& targets) {
                // Broadcasting [n, 1] against [n] would silently give n² differences.
                if (!predictions.sizes().equals(targets.sizes())) {
                  throw std::invalid_argument(
                      "mean_squared_error: predictions and targets differ in shape");
                }
                return at::mse_loss(predictions, targets);
              },
          .check =
              [](const Shape& output, const Shape& target) {
                if (output == target) return absl::OkStatus();
                return absl::InvalidArgumentError(
                    absl::StrCat("mean_squared_error: the model gives ", ToString(output),
                                 ", but the targets are ", ToString(target)));
              },
          .plan = PlanMeanSquaredError};
}

}  // namespace descent
