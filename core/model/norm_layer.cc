#include "core/model/norm_layer.h"

#include <string_view>
#include <utility>

#include "ATen/OpMathType.h"
#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"
#include "core/model/normalize.h"
#include "core/plan/plan_builder.h"

namespace descent {

absl::StatusOr<Affine> Affine::Create(const BuildContext& context, std::string_view kind,
                                      bool affine, int64_t size) {
  if (!affine) return Affine{};
  auto weight = context.Parameter(kind, "weight", {size}, ConstantInitializer{.value = 1});
  if (!weight.ok()) return weight.status();
  auto bias = context.Parameter(kind, "bias", {size}, ConstantInitializer{.value = 0});
  if (!bias.ok()) return bias.status();
  return Affine{*std::move(weight), *std::move(bias)};
}

namespace {

// Scales z by channel, if the affine has tensors.
PlanTensor PlanScale(PlanBuilder& plan, const PlanTensor& z, const normalize::Extent& channels,
                     const Affine& affine) {
  if (!affine.weight.defined()) return z;
  const PlanTensor w = plan.Parameter(affine.weight), b = plan.Parameter(affine.bias);
  const PlanTensor y = plan.Output(z.sizes(), {z, w});
  plan.Forward({.reads = {z, w, b}, .writes = {y}, .run = [=] {
                  normalize::Scale(channels, *z, *w, *b, *y);
                }});
  const PlanTensor dy = plan.Gradient(y);
  const PlanTensor from = plan.Contribution(z), dw = plan.Contribution(w),
                   db = plan.Contribution(b);
  plan.Backward({.reads = {dy, w},
                 .writes = {from},
                 .run = [=] { normalize::Scale(channels, *dy, *w, at::Tensor(), *from); },
                 .in_place = true});
  plan.Backward({.reads = {dy, z}, .writes = {dw, db}, .run = [=] {
                   normalize::Sums(channels, *z, *dy, *db, *dw);
                 }});
  return y;
}

}  // namespace

PlannedNorm PlanNorm(PlanBuilder& plan, const PlanTensor& x, const normalize::Extent& groups,
                     const normalize::Extent& channels, double epsilon, const Affine& affine) {
  const at::ScalarType exact = at::toOpMathType(plan.dtype());
  const PlanTensor mean = plan.Scratch({groups.groups}, exact),
                   variance = plan.Scratch({groups.groups}, exact);
  const PlanTensor inverse = plan.Scratch({groups.groups}, exact);
  // Nobody asks for x again: its memory may become that of the normalized numbers.
  const PlanTensor z = plan.Output(x.sizes(), {x});
  plan.Forward({.reads = {x}, .writes = {mean, variance, inverse}, .run = [=] {
                  normalize::Moments(groups, epsilon, *x, *mean, *variance, *inverse);
                }});
  plan.Forward({.reads = {x, mean, inverse},
                .writes = {z},
                .run = [=] { normalize::Normalize(groups, *x, *mean, *inverse, *z); },
                .in_place = true});
  const PlanTensor dz = plan.Gradient(z), dx = plan.Contribution(x);
  const PlanTensor sum = plan.Scratch({groups.groups}, exact),
                   product = plan.Scratch({groups.groups}, exact);
  if (dx) {
    plan.Backward(
        {.reads = {dz, z, inverse, sum, product},
         .writes = {dx},
         .run = [=] { normalize::Differentiate(groups, *z, *dz, *inverse, *sum, *product, *dx); },
         .in_place = true});
    plan.Backward({.reads = {dz, z}, .writes = {sum, product}, .run = [=] {
                     normalize::Sums(groups, *z, *dz, *sum, *product);
                   }});
  }
  return {PlanScale(plan, z, channels, affine), mean, variance};
}

PlanTensor PlanNormBy(PlanBuilder& plan, const PlanTensor& x, const normalize::Extent& extent,
                      const PlanTensor& mean, const PlanTensor& variance, double epsilon,
                      const Affine& affine) {
  const PlanTensor inverse = plan.Scratch({extent.groups}, variance.dtype());
  const PlanTensor z = plan.Output(x.sizes(), {x});
  plan.Forward({.reads = {variance}, .writes = {inverse}, .run = [=] {
                  normalize::Invert(epsilon, *variance, *inverse);
                }});
  plan.Forward({.reads = {x, mean, inverse},
                .writes = {z},
                .run = [=] { normalize::Normalize(extent, *x, *mean, *inverse, *z); },
                .in_place = true});
  const PlanTensor dz = plan.Gradient(z), dx = plan.Contribution(x);
  plan.Backward({.reads = {dz, inverse},
                 .writes = {dx},
                 .run = [=] { normalize::Scale(extent, *dz, *inverse, at::Tensor(), *dx); },
                 .in_place = true});
  return PlanScale(plan, z, extent, affine);
}

}  // namespace descent
