#include "core/objective/loss.h"

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "core/model/layer.h"

namespace descent {

absl::Status Loss::CheckShapes(const Shape& output, const Shape& target) const {
  return check ? check(output, target) : absl::OkStatus();
}

double Loss::WeightOf(const at::Tensor& targets) const {
  return weight ? weight(targets) : static_cast<double>(targets.size(0));
}

}  // namespace descent
