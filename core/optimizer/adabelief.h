// AdaBelief is Adam that goes fast where gradients are as expected, and slowly where they surprise.
#ifndef DESCENT_CORE_OPTIMIZER_ADABELIEF_H_
#define DESCENT_CORE_OPTIMIZER_ADABELIEF_H_

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

// This is Zhuang et al. 2020, as optax.adabelief has it: Adam (adam.h) with the variance of the
// gradient around its average in place of its square:
//   s ← beta2·s + (1 − beta2)·(g − m)² + epsilon_root
struct AdaBelief {
  static constexpr std::string_view kind = "adabelief";

  Sequence step_size = 0.001;   // each ≥ 0
  Sequence beta1 = 0.9;         // each in [0, 1)
  Sequence beta2 = 0.999;       // each in [0, 1)
  double epsilon = 1e-16;       // > 0
  double epsilon_root = 1e-16;  // ≥ 0

  void Describe(FieldList& fields) {
    DescribeAdam(*this, fields);
    fields(NonNegative("epsilon_root"), epsilon_root);
  }

  struct Rule {
    double step_size;  // the dial's number divided by 1 − Π beta1
    double beta1, beta2, epsilon, epsilon_root;
    double correction;  // 1/√(1 − Π beta2)

    template <class T>
    void operator()(T& x, const T& g, T& exp_avg, T& exp_avg_var) const {
      exp_avg = beta1 * exp_avg + (1 - beta1) * g;
      const T surprise = g - exp_avg;
      exp_avg_var = beta2 * exp_avg_var + (1 - beta2) * (surprise * surprise) + epsilon_root;
      x -= step_size * (exp_avg / (correction * sqrt(exp_avg_var) + epsilon));
    }
  };
  using Memory = BetaProducts;

  static ElementStates States(const AdaBelief&) {
    return {{.name = "exp_avg"}, {.name = "exp_avg_var"}};
  }

  static Rule At(const Present<AdaBelief>& now, Memory& products) {
    products.Use(now);
    return {now[&AdaBelief::step_size] / (1 - products.first),
            now[&AdaBelief::beta1],
            now[&AdaBelief::beta2],
            now->epsilon,
            now->epsilon_root,
            1 / std::sqrt(1 - products.second)};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(AdaBelief)
};

extern template class internal::FlatUpdate<AdaBelief::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ADABELIEF_H_
