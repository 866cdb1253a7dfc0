// ASGD is gradient descent with falling steps, whose solution is the average of its iterates.
#ifndef DESCENT_CORE_OPTIMIZER_ASGD_H_
#define DESCENT_CORE_OPTIMIZER_ASGD_H_

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Polyak & Juditsky 1992, as torch.optim.ASGD has it (Bottou's form). At step t from 1:
//   eta = step_size/(1 + decay·step_size·(t − 1))^power     x ← (1 − decay·eta)·x − eta·g
//   a ← a + (x − a)/max(1, t − 1 − start)
// The average a is what is evaluated.
struct Asgd {
  static constexpr std::string_view kind = "asgd";

  Sequence step_size = 0.01;  // each ≥ 0
  double decay = 1e-4;        // ≥ 0
  double power = 0.75;        // ≥ 0
  double start = 1e6;         // ≥ 0, the step from which on a is an average

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(NonNegative("decay"), decay);
    fields(NonNegative("power"), power);
    fields(NonNegative("start"), start);
  }

  struct Rule {
    double eta, keep;  // keep = 1 − decay·eta
    double weight;     // the weight of x in the average

    template <class T>
    void operator()(T& x, const T& g, T& average) const {
      x = keep * x - eta * g;
      average += weight * (x - average);
    }
  };

  static ElementStates States(const Asgd&) { return {{.name = "average", .evaluated = true}}; }

  static Rule At(const Present<Asgd>& now) {
    const double step_size = now[&Asgd::step_size];
    const auto earlier = static_cast<double>(now.step() - 1);
    const double eta = step_size / std::pow(1 + now->decay * step_size * earlier, now->power);
    return {eta, 1 - now->decay * eta, 1 / std::max(1.0, earlier - now->start)};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(Asgd)
};

extern template class internal::FlatUpdate<Asgd::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ASGD_H_
