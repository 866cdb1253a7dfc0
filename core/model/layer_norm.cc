#include "core/model/layer_norm.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "ATen/core/Tensor.h"
#include "ATen/ops/layer_norm.h"
#include "absl/status/statusor.h"
#include "core/model/fields.h"
#include "core/model/layer.h"
#include "core/model/norm_layer.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

class LayerNormLayer final : public Layer {
 public:
  LayerNormLayer(Affine affine, double epsilon) : affine_(std::move(affine)), epsilon_(epsilon) {}

  at::Tensor forward(const at::Tensor& x, const Pass&) const override {
    return at::layer_norm(x, {x.size(-1)}, affine_.weight, affine_.bias, epsilon_);
  }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const int64_t features = x.sizes().back();
    int64_t rows = 1;
    for (size_t i = 0; i + 1 < x.sizes().size(); ++i) rows *= x.size(i);
    return PlanNorm(plan, x, {1, rows, features}, {rows, features, 1}, epsilon_, affine_).y;
  }
  void fields(Fields& list) override { affine_.fields(list); }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<LayerNormLayer>(*this); }

 private:
  Affine affine_;
  double epsilon_;
};

}  // namespace

absl::StatusOr<BuiltLayer> LayerNorm::Build(const BuildContext& context) const {
  if (context.input_shape.empty()) {
    return context.Mismatch(kind, "expects a dimension of features");
  }
  absl::StatusOr<Affine> parameters =
      Affine::Create(context, kind, affine, context.input_shape.back());
  if (!parameters.ok()) return parameters.status();
  return BuiltLayer::Of(context, kind,
                        std::make_unique<LayerNormLayer>(*std::move(parameters), epsilon),
                        context.input_shape);
}

}  // namespace descent
