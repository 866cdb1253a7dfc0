// What batch, layer and group normalization have in common: their parameters and their plan.
#ifndef DESCENT_CORE_MODEL_NORM_LAYER_H_
#define DESCENT_CORE_MODEL_NORM_LAYER_H_

#include <cstdint>
#include <string_view>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/model/layer.h"
#include "core/model/normalize.h"
#include "core/plan/plan_builder.h"

namespace descent {

// The tensors are `weight` [size] of ones and `bias` [size] of zeros, or undefined.
struct Affine {
  at::Tensor weight, bias;

  static absl::StatusOr<Affine> Create(const BuildContext& context, std::string_view kind,
                                       bool affine, int64_t size);
  void fields(Fields& list) {
    if (!weight.defined()) return;
    list("weight", weight)("bias", bias);
  }
};

// A normalized tensor, and what was found out on the way, one number for each group.
struct PlannedNorm {
  PlanTensor y;
  PlanTensor mean, variance;
};

// Normalizes by group and, if the affine has tensors, scales by channel.
PlannedNorm PlanNorm(PlanBuilder& plan, const PlanTensor& x, const normalize::Extent& groups,
                     const normalize::Extent& channels, double epsilon, const Affine& affine);

// Does the same with a mean and variance [groups] that are given, and constant.
PlanTensor PlanNormBy(PlanBuilder& plan, const PlanTensor& x, const normalize::Extent& extent,
                      const PlanTensor& mean, const PlanTensor& variance, double epsilon,
                      const Affine& affine);

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_NORM_LAYER_H_
