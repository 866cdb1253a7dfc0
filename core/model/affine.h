// `PlanAffine` is y = x W' + b as a step of a plan, for the layers that have one inside.
#ifndef DESCENT_CORE_MODEL_AFFINE_H_
#define DESCENT_CORE_MODEL_AFFINE_H_

#include "ATen/core/Tensor.h"
#include "core/plan/plan_builder.h"

namespace descent {

// x is [batch, …, in_features], y [batch, …, out_features]; `weight` [out_features, in_features]
// and `bias` [out_features] (or undefined) are fields of the layer.
PlanTensor PlanAffine(PlanBuilder& plan, const PlanTensor& x, const at::Tensor& weight,
                      const at::Tensor& bias);

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_AFFINE_H_
