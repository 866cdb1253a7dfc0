// AdaMax is Adam with a decaying maximum of the derivatives in place of the mean of their squares.
#ifndef DESCENT_CORE_OPTIMIZER_ADAMAX_H_
#define DESCENT_CORE_OPTIMIZER_ADAMAX_H_

#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/moments.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Kingma & Ba 2015, algorithm 2, as torch.optim.Adamax has it:
//   m ← beta1·m + (1 − beta1)·g        u ← max(beta2·u, |g| + epsilon)
//   x ← x − step_size/(1 − Π beta1)·m/u
struct AdaMax {
  static constexpr std::string_view kind = "adamax";

  Sequence step_size = 0.002;  // each ≥ 0
  Sequence beta1 = 0.9;        // each in [0, 1)
  Sequence beta2 = 0.999;      // each in [0, 1)
  double epsilon = 1e-8;       // > 0

  void Describe(FieldList& fields) { DescribeAdam(*this, fields); }

  struct Rule {
    double step_size;  // the dial's number divided by 1 − Π beta1
    double beta1, beta2, epsilon;

    template <class T>
    void operator()(T& x, const T& g, T& exp_avg, T& exp_inf) const {
      exp_avg = beta1 * exp_avg + (1 - beta1) * g;
      exp_inf = max(beta2 * exp_inf, abs(g) + epsilon);
      x -= step_size * (exp_avg / exp_inf);
    }
  };
  using Memory = BetaProducts;

  static ElementStates States(const AdaMax&) { return {{.name = "exp_avg"}, {.name = "exp_inf"}}; }

  static Rule At(const Present<AdaMax>& now, Memory& products) {
    products.Use(now);
    return {now[&AdaMax::step_size] / (1 - products.first), now[&AdaMax::beta1],
            now[&AdaMax::beta2], now->epsilon};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(AdaMax)
};

extern template class internal::FlatUpdate<AdaMax::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ADAMAX_H_
