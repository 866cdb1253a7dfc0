// SGD is stochastic gradient descent with momentum, in torch.optim.SGD's form.
#ifndef DESCENT_CORE_OPTIMIZER_SGD_H_
#define DESCENT_CORE_OPTIMIZER_SGD_H_

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/fused.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// v ← momentum·v + (1 − dampening)·g (the first time: v ← g), x ← x − step_size·v, or, in
// Nesterov's form, x ← x − step_size·(g + momentum·v)  (Sutskever et al. 2013, as torch.optim.SGD).
struct Sgd {
  static constexpr std::string_view kind = "sgd";

  Sequence step_size = 0.001;  // each ≥ 0
  Sequence momentum = 0.0;     // each in [0, 1)
  Sequence dampening = 0.0;    // each in [0, 1]
  bool nesterov = false;       // only with momentum and without dampening

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    Range some = UnitInterval("momentum"), none = UpToOne("dampening");
    if (nesterov) {
      some.min_included = false;  // a schedule may begin there
      some.because = "Nesterov's form needs one";
      none.max = 0;
      none.because = "Nesterov's form has none";
    }
    fields(UnitInterval("momentum"), momentum).Turned(some);
    fields(UpToOne("dampening"), dampening).Turned(none);
    fields(Named("nesterov"), nesterov);
    fields.Together([this] { return Check(); });
  }

  struct Rule {
    double step_size, momentum;
    double fresh;  // 1 − dampening
    bool nesterov;

    template <class T>
    void operator()(T& x, const T& g, T& velocity) const {
      velocity = momentum * velocity + fresh * g;
      if (nesterov) {
        x -= step_size * (g + momentum * velocity);
      } else {
        x -= step_size * velocity;
      }
    }
    void Fused(at::Tensor& x, const at::Tensor& g, at::Tensor& velocity) const {
      fused::Sgd({step_size, momentum, fresh, nesterov}, x, g, velocity);
    }
  };

  static ElementStates States(const Sgd&) { return {{.name = "velocity"}}; }

  static Rule At(const Present<Sgd>& now) {
    return {now[&Sgd::step_size], now[&Sgd::momentum],
            now.step() == 1 ? 1.0 : 1 - now[&Sgd::dampening], now->nesterov};
  }

  // As in torch.optim.SGD, but the momentum may begin at 0.
  absl::Status Check() const {
    if (!nesterov) return absl::OkStatus();
    if (const auto& bounds = dampening.bounds(); !bounds || bounds->greatest > 0) {
      return absl::InvalidArgumentError(
          "dampening: Nesterov's form has none; leave out dampening or nesterov");
    }
    if (const auto& bounds = momentum.bounds(); bounds && bounds->greatest <= 0) {
      return absl::InvalidArgumentError(
          "momentum: Nesterov's form needs one; give a number in (0, 1), or leave out nesterov");
    }
    return absl::OkStatus();
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(Sgd)
};

template <>
inline constexpr bool internal::kFused<Sgd::Rule> = true;
extern template class internal::FlatUpdate<Sgd::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_SGD_H_
