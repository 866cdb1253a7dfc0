// The range checks of the optimizers: step sizes in [0, ∞), everything that averages in [0, 1).

#include "absl/status/status.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/nesterov.h"
#include "core/sequence/range.h"

namespace descent {

absl::Status GradientDescent::Validate() const {
  return descent::Validate({{NonNegative("step_size"), step_size}});
}

absl::Status HeavyBall::Validate() const {
  return descent::Validate(
      {{NonNegative("step_size"), step_size}, {UnitInterval("momentum"), momentum}});
}

absl::Status Nesterov::Validate() const {
  return descent::Validate(
      {{NonNegative("step_size"), step_size}, {UnitInterval("momentum"), momentum}});
}

absl::Status Adam::Validate() const {
  absl::Status status = descent::Validate({{NonNegative("step_size"), step_size},
                                           {UnitInterval("beta1"), beta1},
                                           {UnitInterval("beta2"), beta2}});
  return status.ok() ? CheckPositive("epsilon", epsilon) : status;
}

}  // namespace descent
