#include "core/model/gelu.h"

#include "ATen/core/Tensor.h"
#include "ATen/ops/gelu.h"
#include "ATen/ops/gelu_backward.h"
#include "absl/status/statusor.h"
#include "core/model/elementwise_layer.h"
#include "core/model/layer.h"

namespace descent {
namespace {

struct GeluFunction {
  static constexpr bool kFromOutput = false;

  at::Tensor Apply(const at::Tensor& x) const { return at::gelu(x, Approximation()); }
  void Forward(const at::Tensor& x, at::Tensor y) const { at::gelu_out(y, x, Approximation()); }
  void Backward(const at::Tensor& dy, const at::Tensor& x, at::Tensor dx) const {
    at::gelu_backward_out(dx, dy, x, Approximation());
  }
  const char* Approximation() const { return tanh ? "tanh" : "none"; }

  bool tanh;
};

}  // namespace

absl::StatusOr<BuiltLayer> Gelu::Build(const BuildContext& context) const {
  return ElementwiseLayer<GeluFunction>::Built(context, kind, {tanh});
}

}  // namespace descent
