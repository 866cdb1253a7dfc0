// Those that work in any inner product space.
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/kind_of.h"
#include "core/optimizer/nesterov.h"

namespace descent::internal {

OptimizerKindList InnerProductKinds() { return MakeKinds<GradientDescent, HeavyBall, Nesterov>(); }

}  // namespace descent::internal
