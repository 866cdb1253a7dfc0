// The kinds of wrappers that change the gradient, or when there is a step.
#include "core/optimizer/accumulate.h"
#include "core/optimizer/clip.h"
#include "core/optimizer/kind_of.h"
#include "core/optimizer/sam.h"
#include "core/optimizer/weight_decay.h"

namespace descent::internal {

WrapperKindList GradientWrapperKinds() {
  return MakeWrapperKinds<CoupledWeightDecay, ClipByNorm, ClipByParameterNorm, ClipByValue,
                          Accumulate, SkipNonFinite, Sam>();
}

}  // namespace descent::internal
