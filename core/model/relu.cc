#include "core/model/relu.h"

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "ATen/ops/clamp_min.h"
#include "ATen/ops/relu.h"
#include "ATen/ops/threshold_backward.h"
#include "absl/status/statusor.h"
#include "core/model/elementwise_layer.h"
#include "core/model/layer.h"
#include "core/plan/kernel.h"

namespace descent {
namespace {

// Works in place or not. NaN stays NaN: a run that diverged must not look healthy.
DESCENT_VECTORIZED void Rectify(const float* x, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = x[i] < 0 ? 0 : x[i];
}
DESCENT_VECTORIZED void Rectify(const double* x, int64_t count, double* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = x[i] < 0 ? 0 : x[i];
}

DESCENT_VECTORIZED void Mask(const float* dy, const float* y, int64_t count, float* dx) {
  for (int64_t i = 0; i < count; ++i) dx[i] = y[i] <= 0 ? 0 : dy[i];
}
DESCENT_VECTORIZED void Mask(const double* dy, const double* y, int64_t count, double* dx) {
  for (int64_t i = 0; i < count; ++i) dx[i] = y[i] <= 0 ? 0 : dy[i];
}

struct ReluFunction {
  static constexpr bool kFromOutput = true;

  at::Tensor Apply(const at::Tensor& x) const { return at::relu(x); }
  void Forward(const at::Tensor& x, const at::Tensor& y) const {
    const bool done = OnCpu(x, [&]<class T>(T*) {
      Rectify(x.const_data_ptr<T>(), x.numel(), y.mutable_data_ptr<T>());
    });
    at::Tensor out = y;
    if (!done) at::clamp_min_out(out, x, 0);
  }
  void Backward(const at::Tensor& dy, const at::Tensor& y, const at::Tensor& dx) const {
    const bool done = OnCpu(y, [&]<class T>(T*) {
      Mask(dy.const_data_ptr<T>(), y.const_data_ptr<T>(), y.numel(), dx.mutable_data_ptr<T>());
    });
    at::Tensor out = dx;
    if (!done) at::threshold_backward_out(out, dy, y, 0);
  }
};

}  // namespace

absl::StatusOr<BuiltLayer> Relu::Build(const BuildContext& context) const {
  return ElementwiseLayer<ReluFunction>::Built(context, kind, {});
}

}  // namespace descent
