// Rprop, resilient backpropagation, goes by the signs of derivatives and not by their sizes.
#ifndef DESCENT_CORE_OPTIMIZER_RPROP_H_
#define DESCENT_CORE_OPTIMIZER_RPROP_H_

#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Riedmiller & Braun 1993, as torch.optim.Rprop has it. Each number has a step length of
// its own, which becomes longer while its derivative keeps its sign and shorter when it changes it
// (there is no step then):
//   l ← clamp(l·(eta_plus or eta_minus), min_step, max_step)        x ← x − l·sign(g)
// The method is for whole gradients: with batches the signs are noise.
struct Rprop {
  static constexpr std::string_view kind = "rprop";

  Sequence eta_minus = 0.5;    // each in [0, 1)
  Sequence eta_plus = 1.2;     // each ≥ 1
  double initial_step = 0.01;  // ≥ 0
  double min_step = 1e-6;      // ≥ 0
  double max_step = 50;        // ≥ 0

  void Describe(FieldList& fields) {
    fields(UnitInterval("eta_minus"), eta_minus);
    fields(AtLeastOne("eta_plus"), eta_plus);
    fields(NonNegative("initial_step"), initial_step);
    fields(NonNegative("min_step"), min_step);
    fields(NonNegative("max_step"), max_step);
  }

  struct Rule {
    double eta_minus, eta_plus, min_step, max_step;

    template <class T>
    void operator()(T& x, const T& g, T& previous, T& length) const {
      const T agreement = sign(g * previous);
      const T kept = max(agreement, 0.0), turned = max(-agreement, 0.0);
      const T factor = 1.0 + (eta_plus - 1) * kept + (eta_minus - 1) * turned;
      length = min(max(length * factor, min_step), max_step);
      previous = g * (1.0 - turned);
      x -= length * sign(previous);
    }
  };

  static ElementStates States(const Rprop& options) {
    return {{.name = "previous"}, {.name = "length", .initial = options.initial_step}};
  }

  static Rule At(const Present<Rprop>& now) {
    return {now[&Rprop::eta_minus], now[&Rprop::eta_plus], now->min_step, now->max_step};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(Rprop)
};

extern template class internal::FlatUpdate<Rprop::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_RPROP_H_
