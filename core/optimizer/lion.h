// Lion steps by the sign of a momentum, so that every number moves equally far.
#ifndef DESCENT_CORE_OPTIMIZER_LION_H_
#define DESCENT_CORE_OPTIMIZER_LION_H_

#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Chen et al. 2023, algorithm 2 (the paper's coefficients), as optax.lion has it:
//   x ← x − step_size·(sign(beta1·m + (1 − beta1)·g) + weight_decay·x)
//   m ← beta2·m + (1 − beta2)·g
struct Lion {
  static constexpr std::string_view kind = "lion";

  Sequence step_size = 0.0001;    // each ≥ 0
  Sequence beta1 = 0.9;           // each in [0, 1)
  Sequence beta2 = 0.99;          // each in [0, 1)
  Sequence weight_decay = 0.001;  // each ≥ 0

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(UnitInterval("beta1"), beta1);
    fields(UnitInterval("beta2"), beta2);
    fields(NonNegative("weight_decay"), weight_decay);
  }

  struct Rule {
    double step_size, beta1, beta2;
    double keep;  // 1 − step_size·weight_decay

    template <class T>
    void operator()(T& x, const T& g, T& exp_avg) const {
      x = keep * x - step_size * sign(beta1 * exp_avg + (1 - beta1) * g);
      exp_avg = beta2 * exp_avg + (1 - beta2) * g;
    }
  };

  static ElementStates States(const Lion&) { return {{.name = "exp_avg"}}; }

  static Rule At(const Present<Lion>& now) {
    const double step_size = now[&Lion::step_size];
    return {step_size, now[&Lion::beta1], now[&Lion::beta2],
            1 - step_size * now[&Lion::weight_decay]};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(Lion)
};

extern template class internal::FlatUpdate<Lion::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_LION_H_
