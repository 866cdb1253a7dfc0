#include "core/model/group_norm.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "ATen/core/Tensor.h"
#include "ATen/ops/group_norm.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/fields.h"
#include "core/model/layer.h"
#include "core/model/norm_layer.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

class GroupNormLayer final : public Layer {
 public:
  GroupNormLayer(Affine affine, int64_t groups, double epsilon)
      : affine_(std::move(affine)), groups_(groups), epsilon_(epsilon) {}

  at::Tensor forward(const at::Tensor& x, const Pass&) const override {
    return at::group_norm(x, groups_, affine_.weight, affine_.bias, epsilon_);
  }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const int64_t batch = x.size(0), channels = x.size(1);
    int64_t positions = 1;
    for (size_t i = 2; i < x.sizes().size(); ++i) positions *= x.size(i);
    return PlanNorm(plan, x, {1, batch * groups_, channels / groups_ * positions},
                    {batch, channels, positions}, epsilon_, affine_)
        .y;
  }
  void fields(Fields& list) override { affine_.fields(list); }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<GroupNormLayer>(*this); }

 private:
  Affine affine_;
  int64_t groups_;
  double epsilon_;
};

}  // namespace

absl::StatusOr<BuiltLayer> GroupNorm::Build(const BuildContext& context) const {
  if (context.input_shape.empty() || context.input_shape[0] % groups != 0) {
    return context.Mismatch(
        kind, absl::StrCat("expects a number of channels that ", groups, " groups divide"),
        "groups");
  }
  absl::StatusOr<Affine> parameters = Affine::Create(context, kind, affine, context.input_shape[0]);
  if (!parameters.ok()) return parameters.status();
  return BuiltLayer::Of(context, kind,
                        std::make_unique<GroupNormLayer>(*std::move(parameters), groups, epsilon),
                        context.input_shape);
}

}  // namespace descent
