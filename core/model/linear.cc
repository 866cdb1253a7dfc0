#include "core/model/linear.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/linear.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/affine.h"
#include "core/model/fields.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

class LinearLayer final : public Layer {
 public:
  LinearLayer(at::Tensor weight, at::Tensor bias)
      : weight_(std::move(weight)), bias_(std::move(bias)) {}

  at::Tensor forward(const at::Tensor& x, const Pass&) const override {
    return at::linear(x, weight_, bias_);
  }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    return PlanAffine(plan, x, weight_, bias_);
  }
  void fields(Fields& list) override {
    list("weight", weight_);
    if (bias_.defined()) list("bias", bias_);
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<LinearLayer>(*this); }

 private:
  at::Tensor weight_;  // [out_features, in_features]
  at::Tensor bias_;    // [out_features] or undefined
};

}  // namespace

absl::StatusOr<BuiltLayer> Linear::Build(const BuildContext& context) const {
  if (context.input_shape.empty()) {
    return context.Mismatch(kind, "expects a dimension of features");
  }
  const int64_t features = context.input_shape.back();
  if (in_features && *in_features != features) {
    Shape expected = context.input_shape;
    expected.back() = *in_features;
    return context.Mismatch(kind, absl::StrCat("expects inputs of shape ", ToString(expected)),
                            "in_features");
  }
  const double bound = 1 / std::sqrt(static_cast<double>(features));
  const Initializer uniform = UniformInitializer{.low = -bound, .high = bound};
  const Fans fans{static_cast<double>(features), static_cast<double>(out_features)};
  auto weight = context.Parameter(kind, "weight", {out_features, features},
                                  weight_init.value_or(uniform), fans);
  if (!weight.ok()) return weight.status();
  at::Tensor bias_values;
  if (bias) {
    auto values =
        context.Parameter(kind, "bias", {out_features}, bias_init.value_or(uniform), fans);
    if (!values.ok()) return values.status();
    bias_values = *std::move(values);
  }
  Shape output_shape = context.input_shape;
  output_shape.back() = out_features;
  return BuiltLayer::Of(context, kind,
                        std::make_unique<LinearLayer>(*std::move(weight), std::move(bias_values)),
                        std::move(output_shape))
      .Inferred("in_features", features);
}

}  // namespace descent
