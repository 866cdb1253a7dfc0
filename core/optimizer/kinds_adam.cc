// The kinds of Adam and its relatives.
#include "core/optimizer/adabelief.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/adamax.h"
#include "core/optimizer/adamw.h"
#include "core/optimizer/amsgrad.h"
#include "core/optimizer/kind_of.h"
#include "core/optimizer/nadam.h"
#include "core/optimizer/radam.h"

namespace descent::internal {

OptimizerKindList AdamKinds() {
  return MakeKinds<Adam, AdamW, AmsGrad, AdaMax, NAdam, RAdam, AdaBelief>();
}

}  // namespace descent::internal
