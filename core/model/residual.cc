#include "core/model/residual.h"

#include <memory>
#include <string>
#include <utility>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/children.h"
#include "core/model/fields.h"
#include "core/model/layer.h"
#include "core/plan/plan_builder.h"
#include "core/plan/steps.h"

namespace descent {
namespace {

class ResidualLayer final : public Layer {
 public:
  ResidualLayer(std::string name, std::unique_ptr<Layer> inside)
      : name_(std::move(name)), inside_(std::move(inside)) {}

  at::Tensor forward(const at::Tensor& x, const Pass& pass) const override {
    return x + inside_->forward(x, pass);
  }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const PlanTensor y = inside_->Plan(plan, x);
    return y ? PlanSum(plan, {y, x}) : y;
  }
  void fields(Fields& list) override { list(name_, *inside_); }
  std::unique_ptr<Layer> Clone() const override {
    return std::make_unique<ResidualLayer>(name_, inside_->Clone());
  }

 private:
  std::string name_;
  std::unique_ptr<Layer> inside_;
};

}  // namespace

absl::StatusOr<BuiltLayer> Residual::Build(const BuildContext& context) const {
  Children children(context, kind);
  ChildInput x = ChildInput::Of(context);
  std::string name = layer->name().empty() ? "0" : layer->name();
  absl::StatusOr<std::unique_ptr<Layer>> inside = children.Build(name, *layer, &x);
  if (!inside.ok()) return inside.status();
  if (x.shape != context.input_shape) {
    return context.Mismatch(kind, absl::StrCat("adds what comes in to what its layer gives, which "
                                               "must have the same shape: ",
                                               x.source, " gives ", ToString(x.shape)));
  }
  return BuiltLayer::Of(context, kind,
                        std::make_unique<ResidualLayer>(std::move(name), *std::move(inside)),
                        std::move(x.shape), std::move(children.summaries));
}

}  // namespace descent
