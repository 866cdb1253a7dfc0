// Schedule-free optimizers need no schedule of the step size: they keep an average along with the
// iterates.
#ifndef DESCENT_CORE_OPTIMIZER_SCHEDULE_FREE_H_
#define DESCENT_CORE_OPTIMIZER_SCHEDULE_FREE_H_

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/moments.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// How much of the average the new point is: a step counts by the greatest step size so far, to a
// power.
struct ScheduleFreeWeights {
  double sum = 0;
  double greatest = 0;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit("weight_sum", self.sum);
    visit("greatest_step_size", self.greatest);
  }

  double Next(double step_size, double power) {
    greatest = std::max(greatest, step_size);
    const double weight = std::pow(greatest, power);
    sum += weight;
    return sum > 0 ? weight / sum : 0;
  }
};

// This is Defazio et al. 2024, as optax.contrib.schedule_free_sgd has it. Gradients are taken at y:
//   z ← z − step_size·(g + weight_decay·y)      a ← a + c·(z − a)      y ← beta·a + (1 − beta)·z
// with c the step's share of the weights. The solution is y; the average a is what is evaluated.
struct ScheduleFreeSgd {
  static constexpr std::string_view kind = "schedule_free_sgd";

  Sequence step_size = 1.0;     // each ≥ 0
  Sequence beta = 0.9;          // each in [0, 1)
  Sequence weight_decay = 0.0;  // each ≥ 0
  double weight_power = 2;      // ≥ 0

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(UnitInterval("beta"), beta);
    fields(NonNegative("weight_decay"), weight_decay);
    fields(NonNegative("weight_power"), weight_power);
  }

  struct Rule {
    double step_size, beta, weight_decay, weight;

    template <class T>
    void operator()(T& y, const T& g, T& z, T& average) const {
      z -= step_size * (g + weight_decay * y);
      average += weight * (z - average);
      y = beta * average + (1 - beta) * z;
    }
  };
  using Memory = ScheduleFreeWeights;

  static ElementStates States(const ScheduleFreeSgd&) {
    return {{.name = "z", .point = true}, {.name = "average", .point = true, .evaluated = true}};
  }

  static Rule At(const Present<ScheduleFreeSgd>& now, Memory& weights) {
    const double step_size = now[&ScheduleFreeSgd::step_size];
    return {step_size, now[&ScheduleFreeSgd::beta], now[&ScheduleFreeSgd::weight_decay],
            weights.Next(step_size, now->weight_power)};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(ScheduleFreeSgd)
};

// This is the same with Adam's second moment, as optax.contrib.schedule_free_adamw has it:
//   v ← beta2·v + (1 − beta2)·g²
//   z ← z − step_size·(g/(√(v/(1 − Π beta2)) + epsilon) + weight_decay·y)
struct ScheduleFreeAdamW {
  static constexpr std::string_view kind = "schedule_free_adamw";

  Sequence step_size = 0.0025;  // each ≥ 0
  Sequence beta1 = 0.9;         // each in [0, 1)
  Sequence beta2 = 0.999;       // each in [0, 1)
  double epsilon = 1e-8;        // > 0
  Sequence weight_decay = 0.0;  // each ≥ 0
  double weight_power = 2;      // ≥ 0

  void Describe(FieldList& fields) {
    DescribeAdam(*this, fields);
    fields(NonNegative("weight_decay"), weight_decay);
    fields(NonNegative("weight_power"), weight_power);
  }

  struct Rule {
    double step_size, beta1, beta2, epsilon, weight_decay, weight;
    double correction;  // 1/√(1 − Π beta2)

    template <class T>
    void operator()(T& y, const T& g, T& z, T& average, T& exp_avg_sq) const {
      exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * (g * g);
      z -= step_size * (g / (correction * sqrt(exp_avg_sq) + epsilon) + weight_decay * y);
      average += weight * (z - average);
      y = beta1 * average + (1 - beta1) * z;
    }
  };
  struct Memory {
    ScheduleFreeWeights weights = {};
    double second = 1;

    template <class Self, class Visit>
    static void Describe(Self& self, Visit&& visit) {
      ScheduleFreeWeights::Describe(self.weights, visit);
      visit("beta2.product", self.second);
    }
  };

  static ElementStates States(const ScheduleFreeAdamW&) {
    return {{.name = "z", .point = true},
            {.name = "average", .point = true, .evaluated = true},
            {.name = "exp_avg_sq"}};
  }

  static Rule At(const Present<ScheduleFreeAdamW>& now, Memory& memory) {
    using O = ScheduleFreeAdamW;
    const double step_size = now[&O::step_size], beta2 = now[&O::beta2];
    memory.second *= beta2;
    return {step_size,
            now[&O::beta1],
            beta2,
            now->epsilon,
            now[&O::weight_decay],
            memory.weights.Next(step_size, now->weight_power),
            1 / std::sqrt(1 - memory.second)};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(ScheduleFreeAdamW)
};

extern template class internal::FlatUpdate<ScheduleFreeSgd::Rule>;
extern template class internal::FlatUpdate<ScheduleFreeAdamW::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_SCHEDULE_FREE_H_
