// The kinds that do something for each parameter by itself.
#include "core/optimizer/adafactor.h"
#include "core/optimizer/kind_of.h"
#include "core/optimizer/lamb.h"
#include "core/optimizer/muon.h"

namespace descent::internal {

OptimizerKindList ParameterwiseKinds() { return MakeKinds<Adafactor, Lamb, Muon>(); }

}  // namespace descent::internal
