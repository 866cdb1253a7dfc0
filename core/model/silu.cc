#include "core/model/silu.h"

#include "ATen/core/Tensor.h"
#include "ATen/ops/silu.h"
#include "ATen/ops/silu_backward.h"
#include "absl/status/statusor.h"
#include "core/model/elementwise_layer.h"
#include "core/model/layer.h"

namespace descent {
namespace {

struct SiluFunction {
  static constexpr bool kFromOutput = false;

  at::Tensor Apply(const at::Tensor& x) const { return at::silu(x); }
  void Forward(const at::Tensor& x, at::Tensor y) const { at::silu_out(y, x); }
  void Backward(const at::Tensor& dy, const at::Tensor& x, at::Tensor dx) const {
    at::silu_backward_out(dx, dy, x);
  }
};

}  // namespace

absl::StatusOr<BuiltLayer> Silu::Build(const BuildContext& context) const {
  return ElementwiseLayer<SiluFunction>::Built(context, kind, {});
}

}  // namespace descent
