// The kinds that work in any inner product space.
#include "core/optimizer/barzilai_borwein.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/kind_of.h"
#include "core/optimizer/lbfgs.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/nonlinear_cg.h"

namespace descent::internal {

OptimizerKindList InnerProductKinds() {
  return MakeKinds<GradientDescent, HeavyBall, Nesterov, BarzilaiBorwein, NonlinearCg, Lbfgs>();
}

}  // namespace descent::internal
