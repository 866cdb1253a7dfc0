// AdaGrad scales each number's step by the root of the sum of its squared derivatives so far.
#ifndef DESCENT_CORE_OPTIMIZER_ADAGRAD_H_
#define DESCENT_CORE_OPTIMIZER_ADAGRAD_H_

#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Duchi, Hazan & Singer 2011, as torch.optim.Adagrad has it:
//   s ← s + g²        x ← x − step_size/(1 + (t − 1)·step_size_decay)·g/(√s + epsilon)
struct AdaGrad {
  static constexpr std::string_view kind = "adagrad";

  Sequence step_size = 0.01;       // each ≥ 0
  double step_size_decay = 0;      // ≥ 0
  double initial_accumulator = 0;  // ≥ 0, s at the start
  double epsilon = 1e-10;          // > 0

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(NonNegative("step_size_decay"), step_size_decay);
    fields(NonNegative("initial_accumulator"), initial_accumulator);
    fields(Positive("epsilon"), epsilon);
  }

  struct Rule {
    double step_size, epsilon;

    template <class T>
    void operator()(T& x, const T& g, T& sum) const {
      sum += g * g;
      x -= step_size * (g / (sqrt(sum) + epsilon));
    }
  };

  static ElementStates States(const AdaGrad& options) {
    return {{.name = "sum", .initial = options.initial_accumulator}};
  }

  static Rule At(const Present<AdaGrad>& now) {
    const auto earlier = static_cast<double>(now.step() - 1);
    return {now[&AdaGrad::step_size] / (1 + earlier * now->step_size_decay), now->epsilon};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(AdaGrad)
};

extern template class internal::FlatUpdate<AdaGrad::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ADAGRAD_H_
