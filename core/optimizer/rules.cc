// The loops of the update rules are compiled here, once, with BUILD's flags for speed.

#include "core/optimizer/adabelief.h"
#include "core/optimizer/adadelta.h"
#include "core/optimizer/adafactor.h"
#include "core/optimizer/adagrad.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/adamax.h"
#include "core/optimizer/adamw.h"
#include "core/optimizer/amsgrad.h"
#include "core/optimizer/asgd.h"
#include "core/optimizer/lamb.h"
#include "core/optimizer/lion.h"
#include "core/optimizer/muon.h"
#include "core/optimizer/nadam.h"
#include "core/optimizer/radam.h"
#include "core/optimizer/rmsprop.h"
#include "core/optimizer/rprop.h"
#include "core/optimizer/schedule_free.h"
#include "core/optimizer/sgd.h"

namespace descent::internal {

template class FlatUpdate<AdaBelief::Rule>;
template class FlatUpdate<AdaDelta::Rule>;
template class FlatUpdate<Adafactor::Rule>;
template class FlatUpdate<AdaGrad::Rule>;
template class FlatUpdate<Adam::Rule>;
template class FlatUpdate<AdaMax::Rule>;
template class FlatUpdate<AdamW::Rule>;
template class FlatUpdate<AmsGrad::Rule>;
template class FlatUpdate<Asgd::Rule>;
template class FlatUpdate<Lamb::Rule>;
template class FlatUpdate<Lion::Rule>;
template class FlatUpdate<Muon::Rule>;
template class FlatUpdate<NAdam::Rule>;
template class FlatUpdate<RAdam::Rule>;
template class FlatUpdate<RmsProp::Rule>;
template class FlatUpdate<Rprop::Rule>;
template class FlatUpdate<ScheduleFreeAdamW::Rule>;
template class FlatUpdate<ScheduleFreeSgd::Rule>;
template class FlatUpdate<Sgd::Rule>;

}  // namespace descent::internal
