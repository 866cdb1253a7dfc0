// Lists every optimizer and wrapper by its type, for spaces other than a model of layers.
#ifndef DESCENT_TESTS_CORE_OPTIMIZER_CONTRACT_LIST_H_
#define DESCENT_TESTS_CORE_OPTIMIZER_CONTRACT_LIST_H_

#include <string>
#include <vector>

#include "core/optimizer/accumulate.h"
#include "core/optimizer/adabelief.h"
#include "core/optimizer/adadelta.h"
#include "core/optimizer/adafactor.h"
#include "core/optimizer/adagrad.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/adamax.h"
#include "core/optimizer/adamw.h"
#include "core/optimizer/amsgrad.h"
#include "core/optimizer/asgd.h"
#include "core/optimizer/averages.h"
#include "core/optimizer/barzilai_borwein.h"
#include "core/optimizer/clip.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/lamb.h"
#include "core/optimizer/lbfgs.h"
#include "core/optimizer/lion.h"
#include "core/optimizer/muon.h"
#include "core/optimizer/nadam.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/nonlinear_cg.h"
#include "core/optimizer/radam.h"
#include "core/optimizer/rmsprop.h"
#include "core/optimizer/rprop.h"
#include "core/optimizer/sam.h"
#include "core/optimizer/schedule_free.h"
#include "core/optimizer/sgd.h"
#include "core/optimizer/weight_decay.h"
#include "tests/core/optimizer/contract.h"

namespace descent::contract {

template <class X, class... O>
void AddOptimizers(std::vector<Named<X>>& all) {
  (all.push_back({std::string(O::kind), Defaults<O>()}), ...);
}

// These are all but freeze and mask, which need parameters with names.
template <class X>
std::vector<Named<X>> All() {
  std::vector<Named<X>> all = {{"gradient_descent", GradientDescent{.step_size = 0.1}},
                               {"heavy_ball", HeavyBall{.step_size = 0.1}},
                               {"nesterov", Nesterov{.step_size = 0.1}}};
  AddOptimizers<X, BarzilaiBorwein, NonlinearCg, Lbfgs, Sgd, AdaGrad, AdaDelta, RmsProp, Adam,
                AdamW, AmsGrad, AdaMax, NAdam, RAdam, AdaBelief, Lion, Rprop, Asgd, Adafactor, Lamb,
                Muon, ScheduleFreeSgd, ScheduleFreeAdamW>(all);
  const AnyOptimizer<X> inner = GradientDescent{.step_size = 0.1};
  using Inner = AnyOptimizer<X>;
  const auto add = [&](auto wrapper) {
    all.push_back({std::string(decltype(wrapper)::kind), wrapper});
  };
  add(CoupledWeightDecay<Inner>{.optimizer = inner});
  add(DecoupledWeightDecay<Inner>{.optimizer = inner});
  add(ClipByNorm<Inner>{.optimizer = inner});
  add(ClipByParameterNorm<Inner>{.optimizer = inner});
  add(ClipByValue<Inner>{.optimizer = inner});
  add(Accumulate<Inner>{.optimizer = inner});
  add(SkipNonFinite<Inner>{.optimizer = inner});
  add(Lookahead<Inner>{.optimizer = inner});
  add(Ema<Inner>{.optimizer = inner});
  add(Swa<Inner>{.optimizer = inner});
  add(Sam<Inner>{.optimizer = inner});
  return all;
}

}  // namespace descent::contract

#endif  // DESCENT_TESTS_CORE_OPTIMIZER_CONTRACT_LIST_H_
