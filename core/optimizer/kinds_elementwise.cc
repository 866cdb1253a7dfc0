// The kinds with a formula for each number by itself, Adam and its relatives aside.
#include "core/optimizer/adadelta.h"
#include "core/optimizer/adagrad.h"
#include "core/optimizer/asgd.h"
#include "core/optimizer/kind_of.h"
#include "core/optimizer/lion.h"
#include "core/optimizer/rmsprop.h"
#include "core/optimizer/rprop.h"
#include "core/optimizer/schedule_free.h"
#include "core/optimizer/sgd.h"

namespace descent::internal {

OptimizerKindList ElementwiseKinds() {
  return MakeKinds<Sgd, AdaGrad, AdaDelta, RmsProp, Lion, Rprop, Asgd, ScheduleFreeSgd,
                   ScheduleFreeAdamW>();
}

}  // namespace descent::internal
