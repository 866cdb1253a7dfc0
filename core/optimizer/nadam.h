// NAdam is Adam with Nesterov's momentum, which looks one step ahead.
#ifndef DESCENT_CORE_OPTIMIZER_NADAM_H_
#define DESCENT_CORE_OPTIMIZER_NADAM_H_

#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/moments.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Dozat 2016, as torch.optim.NAdam has it. With mu_t = beta1·(1 −
// 0.96^(t·momentum_decay)/2) and Adam's averages m and v (adam.h):
//   x ← x − step_size·((1 − mu_t)/(1 − Π mu)·g + mu_{t+1}/(1 − mu_{t+1}·Π mu)·m) / d,
//   d = √(v/(1 − Π beta2)) + epsilon
struct NAdam {
  static constexpr std::string_view kind = "nadam";

  Sequence step_size = 0.002;     // each ≥ 0
  Sequence beta1 = 0.9;           // each in [0, 1)
  Sequence beta2 = 0.999;         // each in [0, 1)
  double epsilon = 1e-8;          // > 0
  double momentum_decay = 0.004;  // ≥ 0

  void Describe(FieldList& fields) {
    DescribeAdam(*this, fields);
    fields(NonNegative("momentum_decay"), momentum_decay);
  }

  struct Rule {
    double beta1, beta2, epsilon;
    double correction;               // 1/√(1 − Π beta2)
    double of_gradient, of_average;  // the two factors, step_size included

    template <class T>
    void operator()(T& x, const T& g, T& exp_avg, T& exp_avg_sq) const {
      UpdateMoments(beta1, beta2, g, exp_avg, exp_avg_sq);
      x -= (of_gradient * g + of_average * exp_avg) / (correction * sqrt(exp_avg_sq) + epsilon);
    }
  };
  struct Memory {
    double momenta = 1;
    double second = 1;
    template <class Self, class Visit>
    static void Describe(Self& self, Visit&& visit) {
      visit("mu.product", self.momenta);
      visit("beta2.product", self.second);
    }
  };

  static ElementStates States(const NAdam&) {
    return {{.name = "exp_avg"}, {.name = "exp_avg_sq"}};
  }

  static Rule At(const Present<NAdam>& now, Memory& memory) {
    const double step_size = now[&NAdam::step_size], beta1 = now[&NAdam::beta1];
    const auto momentum = [&](int64_t step) {
      return beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(step) * now->momentum_decay));
    };
    const double present = momentum(now.step()), next = momentum(now.step() + 1);
    memory.momenta *= present;
    memory.second *= now[&NAdam::beta2];
    return {beta1,
            now[&NAdam::beta2],
            now->epsilon,
            1 / std::sqrt(1 - memory.second),
            step_size * (1 - present) / (1 - memory.momenta),
            step_size * next / (1 - memory.momenta * next)};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(NAdam)
};

extern template class internal::FlatUpdate<NAdam::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_NADAM_H_
