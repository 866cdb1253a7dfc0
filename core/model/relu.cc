#include "core/model/relu.h"

#include <cstdint>
#include <memory>

#include "ATen/core/Tensor.h"
#include "ATen/ops/clamp_min.h"
#include "ATen/ops/relu.h"
#include "ATen/ops/threshold_backward.h"
#include "absl/status/statusor.h"
#include "core/model/layer.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// In place or not. NaN stays NaN: a run that diverged must not look healthy.
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

void Forward(const at::Tensor& x, at::Tensor y) {
  const bool done = OnCpu(
      x, [&]<class T>(T*) { Rectify(x.const_data_ptr<T>(), x.numel(), y.mutable_data_ptr<T>()); });
  if (!done) at::clamp_min_out(y, x, 0);
}

void Backward(const at::Tensor& dy, const at::Tensor& y, at::Tensor dx) {
  const bool done = OnCpu(y, [&]<class T>(T*) {
    Mask(dy.const_data_ptr<T>(), y.const_data_ptr<T>(), y.numel(), dx.mutable_data_ptr<T>());
  });
  if (!done) at::threshold_backward_out(dx, dy, y, 0);
}

class ReluLayer final : public Layer {
 public:
  at::Tensor forward(const at::Tensor& x) const override { return at::relu(x); }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const PlanTensor y = plan.Output(x.sizes(), {x});
    plan.Forward({.reads = {x}, .writes = {y}, .run = [=] { Forward(*x, *y); }, .in_place = true});
    const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x);
    plan.Backward({.reads = {dy, y},
                   .writes = {dx},
                   .run = [=] { Backward(*dy, *y, *dx); },
                   .in_place = true});
    return y;
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<ReluLayer>(*this); }
};

}  // namespace

absl::StatusOr<BuiltLayer> Relu::Build(const BuildContext& context) const {
  return BuiltLayer::Of(context, kind, std::make_unique<ReluLayer>(), context.input_shape);
}

}  // namespace descent
