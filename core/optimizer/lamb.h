// LAMB is Adam whose step of each parameter is as long as the parameter is, for large batches.
#ifndef DESCENT_CORE_OPTIMIZER_LAMB_H_
#define DESCENT_CORE_OPTIMIZER_LAMB_H_

#include <cmath>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/moments.h"
#include "core/optimizer/parameterwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is You et al. 2020, algorithm 2, as optax.lamb has it. With Adam's averages (adam.h), for
// each parameter by itself:
//   u = m/(1 − Π beta1)/(√(v/(1 − Π beta2)) + epsilon) + weight_decay·x
//   x ← x − step_size·|x|/|u|·u        (the ratio is 1 if a norm is 0)
struct Lamb {
  static constexpr std::string_view kind = "lamb";

  Sequence step_size = 0.001;   // each ≥ 0
  Sequence beta1 = 0.9;         // each in [0, 1)
  Sequence beta2 = 0.999;       // each in [0, 1)
  double epsilon = 1e-6;        // > 0
  Sequence weight_decay = 0.0;  // each ≥ 0

  void Describe(FieldList& fields) {
    DescribeAdam(*this, fields);
    fields(NonNegative("weight_decay"), weight_decay);
  }

  // The pass makes the direction; x stays until Finish knows the norms.
  struct Rule {
    double beta1, beta2, epsilon, weight_decay;
    double correction1;  // 1/(1 − Π beta1)
    double correction2;  // 1/√(1 − Π beta2)

    template <class T>
    void operator()(T& x, const T& g, T& exp_avg, T& exp_avg_sq, T& direction) const {
      UpdateMoments(beta1, beta2, g, exp_avg, exp_avg_sq);
      direction =
          correction1 * exp_avg / (correction2 * sqrt(exp_avg_sq) + epsilon) + weight_decay * x;
    }
  };
  using Memory = BetaProducts;

  // An empty name means scratch memory: the direction is not saved.
  static ElementStates States(const Lamb&) {
    return {{.name = "exp_avg"}, {.name = "exp_avg_sq"}, {.name = ""}};
  }

  static Rule At(const Present<Lamb>& now, Memory& products) {
    products.Use(now);
    return {now[&Lamb::beta1],        now[&Lamb::beta2],        now->epsilon,
            now[&Lamb::weight_decay], 1 / (1 - products.first), 1 / std::sqrt(1 - products.second)};
  }

  template <class P>
  static OwnStatesOf<P> OwnStates(const P&) {
    return {};
  }

  template <class P>
  static void Finish(const Present<Lamb>& now, const OneParameter<P>& parameter) {
    const P& direction = *parameter.states[2];
    const double length = norm(parameter.x), of_direction = norm(direction);
    const double ratio = length > 0 && of_direction > 0 ? length / of_direction : 1;
    axpy(-now[&Lamb::step_size] * ratio, direction, parameter.x);
  }

  DESCENT_PARAMETERWISE_OPTIMIZER(Lamb)
};

extern template class internal::FlatUpdate<Lamb::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_LAMB_H_
