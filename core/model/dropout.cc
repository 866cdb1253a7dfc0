#include "core/model/dropout.h"

#include <memory>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/ones_like.h"
#include "absl/status/statusor.h"
#include "core/model/drop_mask.h"
#include "core/model/layer.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

class DropoutLayer final : public Layer {
 public:
  explicit DropoutLayer(DropMask mask) : mask_(mask) {}

  at::Tensor forward(const at::Tensor& x, const Pass& pass) const override {
    if (!pass.training) return x;
    const at::Tensor ones =
        at::ones_like(x, x.options().requires_grad(false), at::MemoryFormat::Contiguous);
    mask_.Apply(pass.iteration, ones, ones);
    return x * ones;
  }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const PlanTensor y =
        x.dtype() == at::kLong ? plan.Scratch(x.sizes(), at::kLong) : plan.Output(x.sizes(), {x});
    const auto iteration = plan.Iteration();
    plan.Forward({.reads = {x},
                  .writes = {y},
                  .run = [=, mask = mask_] { mask.Apply(*iteration, *x, *y); },
                  .in_place = true});
    // The mask is drawn again, which is cheaper than to read it from memory.
    const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x);
    plan.Backward({.reads = {dy},
                   .writes = {dx},
                   .run = [=, mask = mask_] { mask.Apply(*iteration, *dy, *dx); },
                   .in_place = true});
    return y;
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<DropoutLayer>(*this); }

 private:
  DropMask mask_;
};

}  // namespace

absl::StatusOr<BuiltLayer> Dropout::Build(const BuildContext& context) const {
  BuiltLayer built = BuiltLayer::Of(
      context, kind, std::make_unique<DropoutLayer>(DropMask{context.SeedOf("dropout"), p}),
      context.input_shape);
  built.output_dtype = context.input_dtype;
  return built;
}

}  // namespace descent
