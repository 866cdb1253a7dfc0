// The plans of losses: value and derivative by the predictions in one step.
//
// Each states its steps and returns true, or false for shapes and dtypes that it has none for.
#ifndef DESCENT_CORE_OBJECTIVE_LOSS_PLAN_H_
#define DESCENT_CORE_OBJECTIVE_LOSS_PLAN_H_

#include "core/plan/plan_builder.h"

namespace descent {

// mean of log Σ_j exp(s_j) − s_target over the batch; derivative (softmax(s) − one-hot)/batch.
// predictions [batch, classes], targets [batch] of int64; targets of −100 don't count, as in
// at::nll_loss.
bool PlanCrossEntropy(PlanBuilder& plan, const PlanTensor& predictions, const PlanTensor& targets,
                      const PlanTensor& value);

// mean((p − t)²); derivative 2(p − t)/count. Any shape, the same for both.
bool PlanMeanSquaredError(PlanBuilder& plan, const PlanTensor& predictions,
                          const PlanTensor& targets, const PlanTensor& value);

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_LOSS_PLAN_H_
