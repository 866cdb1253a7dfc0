#include "core/model/sigmoid.h"

#include "ATen/core/Tensor.h"
#include "ATen/ops/sigmoid.h"
#include "ATen/ops/sigmoid_backward.h"
#include "absl/status/statusor.h"
#include "core/model/elementwise_layer.h"
#include "core/model/layer.h"

namespace descent {
namespace {

struct SigmoidFunction {
  static constexpr bool kFromOutput = true;

  at::Tensor Apply(const at::Tensor& x) const { return at::sigmoid(x); }
  void Forward(const at::Tensor& x, at::Tensor y) const { at::sigmoid_out(y, x); }
  void Backward(const at::Tensor& dy, const at::Tensor& y, at::Tensor dx) const {
    at::sigmoid_backward_out(dx, dy, y);
  }
};

}  // namespace

absl::StatusOr<BuiltLayer> Sigmoid::Build(const BuildContext& context) const {
  return ElementwiseLayer<SigmoidFunction>::Built(context, kind, {});
}

}  // namespace descent
