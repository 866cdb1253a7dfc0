// Steps that plans of several layers have in common.
#ifndef DESCENT_CORE_PLAN_STEPS_H_
#define DESCENT_CORE_PLAN_STEPS_H_

#include <cstddef>
#include <vector>

#include "core/plan/plan_builder.h"

namespace descent {

// Views x as a matrix: every dimension but the last one counts rows. Memory and gradient are the
// same.
PlanTensor AsRows(PlanBuilder& plan, const PlanTensor& x);

// State the sum, or the element-wise product, of at least one tensor of the same shape.
PlanTensor PlanSum(PlanBuilder& plan, const std::vector<PlanTensor>& inputs);
PlanTensor PlanProduct(PlanBuilder& plan, const std::vector<PlanTensor>& inputs);

// States x in the dtype that the plan computes in at present; it is x itself if it has that.
// Indices must not come in.
PlanTensor PlanCast(PlanBuilder& plan, const PlanTensor& x);

// States at least one tensor beside each other along a dimension (the batch is 0), in which alone
// they may differ.
PlanTensor PlanConcat(PlanBuilder& plan, const std::vector<PlanTensor>& inputs, size_t dimension);

}  // namespace descent

#endif  // DESCENT_CORE_PLAN_STEPS_H_
