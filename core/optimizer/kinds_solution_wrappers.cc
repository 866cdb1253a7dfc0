// The kinds of wrappers that move the solution, or average it.
#include "core/optimizer/averages.h"
#include "core/optimizer/freeze.h"
#include "core/optimizer/kind_of.h"
#include "core/optimizer/weight_decay.h"

namespace descent::internal {

WrapperKindList SolutionWrapperKinds() {
  return MakeWrapperKinds<DecoupledWeightDecay, Lookahead, Ema, Swa, Freeze, Mask>();
}

}  // namespace descent::internal
