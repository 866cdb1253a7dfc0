#include "core/model/tanh.h"

#include "ATen/core/Tensor.h"
#include "ATen/ops/tanh.h"
#include "ATen/ops/tanh_backward.h"
#include "absl/status/statusor.h"
#include "core/model/elementwise_layer.h"
#include "core/model/layer.h"

namespace descent {
namespace {

struct TanhFunction {
  static constexpr bool kFromOutput = true;

  at::Tensor Apply(const at::Tensor& x) const { return at::tanh(x); }
  void Forward(const at::Tensor& x, at::Tensor y) const { at::tanh_out(y, x); }
  void Backward(const at::Tensor& dy, const at::Tensor& y, at::Tensor dx) const {
    at::tanh_backward_out(dx, dy, y);
  }
};

}  // namespace

absl::StatusOr<BuiltLayer> Tanh::Build(const BuildContext& context) const {
  return ElementwiseLayer<TanhFunction>::Built(context, kind, {});
}

}  // namespace descent
