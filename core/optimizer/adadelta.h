// AdaDelta takes each number's step in proportion to the steps that it has taken before.
#ifndef DESCENT_CORE_OPTIMIZER_ADADELTA_H_
#define DESCENT_CORE_OPTIMIZER_ADADELTA_H_

#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Zeiler 2012, algorithm 1, as torch.optim.Adadelta has it:
//   s ← rho·s + (1 − rho)·g²        d = √(u + epsilon)/√(s + epsilon)·g
//   u ← rho·u + (1 − rho)·d²        x ← x − step_size·d
struct AdaDelta {
  static constexpr std::string_view kind = "adadelta";

  Sequence step_size = 1.0;  // each ≥ 0
  Sequence rho = 0.9;        // each in [0, 1)
  double epsilon = 1e-6;     // > 0

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(UnitInterval("rho"), rho);
    fields(Positive("epsilon"), epsilon);
  }

  struct Rule {
    double step_size, rho, epsilon;

    template <class T>
    void operator()(T& x, const T& g, T& square_avg, T& acc_delta) const {
      square_avg = rho * square_avg + (1 - rho) * (g * g);
      const T delta = sqrt(acc_delta + epsilon) / sqrt(square_avg + epsilon) * g;
      acc_delta = rho * acc_delta + (1 - rho) * (delta * delta);
      x -= step_size * delta;
    }
  };

  static ElementStates States(const AdaDelta&) {
    return {{.name = "square_avg"}, {.name = "acc_delta"}};
  }

  static Rule At(const Present<AdaDelta>& now) {
    return {now[&AdaDelta::step_size], now[&AdaDelta::rho], now->epsilon};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(AdaDelta)
};

extern template class internal::FlatUpdate<AdaDelta::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ADADELTA_H_
