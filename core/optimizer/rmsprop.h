// RMSProp scales each number's step by the root of an average of its squared derivatives.
#ifndef DESCENT_CORE_OPTIMIZER_RMSPROP_H_
#define DESCENT_CORE_OPTIMIZER_RMSPROP_H_

#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Tieleman & Hinton 2012, and Graves 2013 (centered), as torch.optim.RMSprop has it:
//   s ← alpha·s + (1 − alpha)·g²       centered: a ← alpha·a + (1 − alpha)·g, else a = 0
//   v ← momentum·v + g/(√(s − a²) + epsilon)        x ← x − step_size·v
struct RmsProp {
  static constexpr std::string_view kind = "rmsprop";

  Sequence step_size = 0.01;  // each ≥ 0
  Sequence alpha = 0.99;      // each in [0, 1)
  Sequence momentum = 0.0;    // each in [0, 1)
  double epsilon = 1e-8;      // > 0
  bool centered = false;      // true: scaled by the variance

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(UnitInterval("alpha"), alpha);
    fields(UnitInterval("momentum"), momentum);
    fields(Positive("epsilon"), epsilon);
    fields(Named("centered"), centered);
  }

  struct Rule {
    double step_size, alpha, momentum, epsilon;

    template <class T>
    void operator()(T& x, const T& g, T& square_avg, T& velocity) const {
      square_avg = alpha * square_avg + (1 - alpha) * (g * g);
      velocity = momentum * velocity + g / (sqrt(square_avg) + epsilon);
      x -= step_size * velocity;
    }
    template <class T>
    void operator()(T& x, const T& g, T& square_avg, T& velocity, T& grad_avg) const {
      square_avg = alpha * square_avg + (1 - alpha) * (g * g);
      grad_avg = alpha * grad_avg + (1 - alpha) * g;
      const T variance = square_avg - grad_avg * grad_avg;
      velocity = momentum * velocity + g / (sqrt(variance) + epsilon);
      x -= step_size * velocity;
    }
  };

  static ElementStates States(const RmsProp& options) {
    if (options.centered)
      return {{.name = "square_avg"}, {.name = "velocity"}, {.name = "grad_avg"}};
    return {{.name = "square_avg"}, {.name = "velocity"}};
  }

  static Rule At(const Present<RmsProp>& now) {
    return {now[&RmsProp::step_size], now[&RmsProp::alpha], now[&RmsProp::momentum], now->epsilon};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(RmsProp)
};

extern template class internal::FlatUpdate<RmsProp::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_RMSPROP_H_
