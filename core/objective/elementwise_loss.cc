#include "core/objective/elementwise_loss.h"

#include <stdexcept>
#include <string>
#include <string_view>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"

namespace descent {

absl::Status CheckEqualShapes(std::string_view loss, const Shape& output, const Shape& target) {
  if (output == target) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(loss), ": the model gives ",
                                                 ToString(output), ", but the targets are ",
                                                 ToString(target)));
}

void ThrowUnlessEqualShapes(std::string_view loss, const at::Tensor& predictions,
                            const at::Tensor& targets) {
  if (predictions.sizes().equals(targets.sizes())) return;
  throw std::invalid_argument(
      absl::StrCat(std::string(loss), ": predictions and targets differ in shape"));
}

}  // namespace descent
