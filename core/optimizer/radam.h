// RAdam, rectified Adam, warms itself up: it scales numbers only once their averages can be
// trusted.
#ifndef DESCENT_CORE_OPTIMIZER_RADAM_H_
#define DESCENT_CORE_OPTIMIZER_RADAM_H_

#include <cmath>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/moments.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Liu et al. 2020, algorithm 2, as torch.optim.RAdam has it, with Adam's averages (adam.h).
// As long as the variance of the adaptive step size can't be told (rho ≤ 5)
//   x ← x − step_size·m/(1 − Π beta1)
// and later
//   x ← x − r·step_size·m/(1 − Π beta1)·√(1 − Π beta2)/(√v + epsilon)
struct RAdam {
  static constexpr std::string_view kind = "radam";

  Sequence step_size = 0.001;  // each ≥ 0
  Sequence beta1 = 0.9;        // each in [0, 1)
  Sequence beta2 = 0.999;      // each in [0, 1)
  double epsilon = 1e-8;       // > 0

  void Describe(FieldList& fields) { DescribeAdam(*this, fields); }

  struct Rule {
    double step_size, beta1, beta2, epsilon;  // step_size has every factor in it
    bool adaptive;

    template <class T>
    void operator()(T& x, const T& g, T& exp_avg, T& exp_avg_sq) const {
      UpdateMoments(beta1, beta2, g, exp_avg, exp_avg_sq);
      if (adaptive) {
        x -= step_size * (exp_avg / (sqrt(exp_avg_sq) + epsilon));
      } else {
        x -= step_size * exp_avg;
      }
    }
  };
  using Memory = BetaProducts;

  static ElementStates States(const RAdam&) {
    return {{.name = "exp_avg"}, {.name = "exp_avg_sq"}};
  }

  static Rule At(const Present<RAdam>& now, Memory& products) {
    products.Use(now);
    const double beta2 = now[&RAdam::beta2], correction = 1 - products.second;
    double step_size = now[&RAdam::step_size] / (1 - products.first);
    const double limit = 2 / (1 - beta2) - 1;
    const double rho = limit - 2 * static_cast<double>(now.step()) * products.second / correction;
    if (rho > 5) {
      step_size *=
          std::sqrt(correction * (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho));
    }
    return {step_size, now[&RAdam::beta1], beta2, now->epsilon, rho > 5};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(RAdam)
};

extern template class internal::FlatUpdate<RAdam::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_RADAM_H_
