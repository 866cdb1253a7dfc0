#include "core/model/flatten.h"

#include <cstddef>
#include <cstdint>
#include <memory>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

class FlattenLayer final : public Layer {
 public:
  at::Tensor forward(const at::Tensor& x, const Pass&) const override {
    return x.dim() == 2 ? x : x.reshape({x.size(0), -1});
  }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    int64_t features = 1;
    for (size_t i = 1; i < x.sizes().size(); ++i) features *= x.size(i);
    return plan.View(x, {x.size(0), features});
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<FlattenLayer>(*this); }
};

}  // namespace

absl::StatusOr<BuiltLayer> Flatten::Build(const BuildContext& context) const {
  int64_t features = 1;
  for (const int64_t dimension : context.input_shape) {
    if (__builtin_mul_overflow(features, dimension, &features)) {
      return context.Wrong(
          kind,
          absl::StrCat(": ", ToString(context.input_shape), " has too many elements to count"), "",
          FaultKind::kTooLarge);
    }
  }
  BuiltLayer built = BuiltLayer::Of(context, kind, std::make_unique<FlattenLayer>(), {features});
  built.output_dtype = context.input_dtype;
  return built;
}

}  // namespace descent
