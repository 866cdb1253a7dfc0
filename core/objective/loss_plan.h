// A `LossPlan` is what the plan of a loss is stated on: value and derivative by the predictions in
// one step.
#ifndef DESCENT_CORE_OBJECTIVE_LOSS_PLAN_H_
#define DESCENT_CORE_OBJECTIVE_LOSS_PLAN_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "core/plan/plan_builder.h"

namespace descent {

// What a term of a sum is multiplied by: a number that is given at each run. A loss by itself has
// none, and the number is 1.
struct TermWeight {
  PlanTensor weights;  // [terms], double
  int64_t term = 0;

  // Gives the number; only on the CPU.
  double operator()() const { return weights ? weights->const_data_ptr<double>()[term] : 1; }
  // Scales x ← weight·x, on any device.
  void Scale(const at::Tensor& x) const {
    if (weights) x.mul_(weights->select(0, term));
  }
};

struct LossPlan {
  PlanTensor predictions;  // [batch, …]
  PlanTensor targets;      // [batch, …]
  PlanTensor value;        // one number, the loss without the weight
  TermWeight weight;       // what the derivative is multiplied by
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_LOSS_PLAN_H_
