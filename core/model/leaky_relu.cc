#include "core/model/leaky_relu.h"

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "ATen/ops/leaky_relu.h"
#include "ATen/ops/leaky_relu_backward.h"
#include "absl/status/statusor.h"
#include "core/model/elementwise_layer.h"
#include "core/model/layer.h"
#include "core/plan/kernel.h"

namespace descent {
namespace {

// Writes into `to` the numbers of `from` where x > 0, else slope·from.
DESCENT_VECTORIZED void Slope(const float* x, const float* from, float slope, int64_t count,
                              float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = x[i] > 0 ? from[i] : slope * from[i];
}
DESCENT_VECTORIZED void Slope(const double* x, const double* from, double slope, int64_t count,
                              double* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = x[i] > 0 ? from[i] : slope * from[i];
}

struct LeakyReluFunction {
  // The output has the input's sign.
  static constexpr bool kFromOutput = true;

  at::Tensor Apply(const at::Tensor& x) const { return at::leaky_relu(x, slope); }
  void Forward(const at::Tensor& x, const at::Tensor& y) const {
    const bool done = OnCpu(x, [&]<class T>(T*) {
      Slope(x.const_data_ptr<T>(), x.const_data_ptr<T>(), static_cast<T>(slope), x.numel(),
            y.mutable_data_ptr<T>());
    });
    at::Tensor out = y;
    if (!done) at::leaky_relu_out(out, x, slope);
  }
  void Backward(const at::Tensor& dy, const at::Tensor& y, const at::Tensor& dx) const {
    const bool done = OnCpu(y, [&]<class T>(T*) {
      Slope(y.const_data_ptr<T>(), dy.const_data_ptr<T>(), static_cast<T>(slope), y.numel(),
            dx.mutable_data_ptr<T>());
    });
    at::Tensor out = dx;
    if (!done) at::leaky_relu_backward_out(out, dy, y, slope, /*self_is_result=*/true);
  }

  double slope;
};

}  // namespace

absl::StatusOr<BuiltLayer> LeakyRelu::Build(const BuildContext& context) const {
  return ElementwiseLayer<LeakyReluFunction>::Built(context, kind, {negative_slope});
}

}  // namespace descent
