#include "core/model/linear.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>

#include "ATen/core/Tensor.h"
#include "ATen/ops/linear.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/fields.h"
#include "core/model/layer.h"
#include "core/plan/matrix.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

using enum matrix::Form;

class LinearLayer final : public Layer {
 public:
  LinearLayer(at::Tensor weight, at::Tensor bias)
      : weight_(std::move(weight)), bias_(std::move(bias)) {}

  at::Tensor forward(const at::Tensor& x) const override { return at::linear(x, weight_, bias_); }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const PlanTensor w = plan.Parameter(weight_);
    const PlanTensor b = bias_.defined() ? plan.Parameter(bias_) : PlanTensor();
    const PlanTensor y = plan.Output({x.size(0), w.size(0)}, {x, w});
    plan.Forward({.reads = {x, w, b}, .writes = {y}, .run = [=] {
                    if (b) matrix::FillRows(*b, *y);
                    matrix::Multiply(kPlain, *x, kTransposed, *w, b ? 1 : 0, *y);
                  }});
    const PlanTensor dy = plan.Gradient(y);
    const PlanTensor dx = plan.Contribution(x), dw = plan.Contribution(w);
    const PlanTensor db = plan.Contribution(b);
    plan.Backward({.reads = {dy, x, w}, .writes = {dx, dw, db}, .run = [=] {
                     matrix::Multiply(kTransposed, *dy, kPlain, *x, 0, *dw);
                     if (db) matrix::SumRows(*dy, *db);
                     if (dx) matrix::Multiply(kPlain, *dy, kPlain, *w, 0, *dx);
                   }});
    return y;
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
  if (context.input_shape.size() != 1) {
    return context.Mismatch(kind, "expects one feature dimension (put a flatten layer before it)");
  }
  const int64_t features = context.input_shape[0];
  if (in_features && *in_features != features) {
    return context.Mismatch(kind, absl::StrCat("expects inputs of shape [", *in_features, "]"));
  }
  if (out_features < 1) {
    return absl::InvalidArgumentError(absl::StrCat(context.Describe(kind), ": out_features is ",
                                                   out_features, "; give a number ≥ 1"));
  }
  const double bound = 1 / std::sqrt(static_cast<double>(features));
  auto weight = context.Uniform(kind, "weight", {out_features, features}, bound);
  if (!weight.ok()) return weight.status();
  at::Tensor bias_values;
  if (bias) {
    auto values = context.Uniform(kind, "bias", {out_features}, bound);
    if (!values.ok()) return values.status();
    bias_values = *std::move(values);
  }
  const int64_t parameters = weight->numel() + (bias ? out_features : 0);
  return BuiltLayer::Of(context, kind,
                        std::make_unique<LinearLayer>(*std::move(weight), std::move(bias_values)),
                        {out_features}, parameters);
}

}  // namespace descent
