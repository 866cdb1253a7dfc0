// Parameters that stay, by the pattern of their names.
#ifndef DESCENT_CORE_OPTIMIZER_FREEZE_H_
#define DESCENT_CORE_OPTIMIZER_FREEZE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/optimizer/parts.h"
#include "core/optimizer/wrapper.h"

namespace descent {

template <NamedParameters X, class O, bool frozen_fit>
class FixedPartMethod;
template <NamedParameters X, class O>
using FreezeMethod = FixedPartMethod<X, O, true>;
template <NamedParameters X, class O>
using MaskMethod = FixedPartMethod<X, O, false>;

// The parameters whose names fit stay as they are, whatever the optimizer inside does; to it their
// gradient is zero.
template <class Optimizer>
struct Freeze {
  static constexpr std::string_view kind = "freeze";

  std::string pattern = "*";  // `*` stands for any characters, `?` for one
  Optimizer optimizer;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit(Range{.field = "pattern"}, self.pattern);
  }
  DESCENT_WRAPPER(Freeze)
};

// Only the parameters whose names fit move: `freeze` for all others.
template <class Optimizer>
struct Mask {
  static constexpr std::string_view kind = "mask";

  std::string pattern = "*";
  Optimizer optimizer;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit(Range{.field = "pattern"}, self.pattern);
  }
  DESCENT_WRAPPER(Mask)
};

template <NamedParameters X, class O, bool frozen_fit>
class FixedPartMethod : public WrapperMethod<X, O> {
 public:
  FixedPartMethod(const O& options, const X& x0)
      : WrapperMethod<X, O>(options, x0),
        pattern_(options.pattern),
        before_(copy(x0)),
        gradient_(zeros_like(x0)) {
    CheckPattern(this->Named("pattern"), pattern_, x0);
    this->RequireMovable("puts back what the optimizer inside may have moved");
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) {
    assign(gradient, gradient_);
    internal::ZeroFitting(pattern_, frozen_fit, gradient_.parameters());
    internal::AssignFitting(pattern_, frozen_fit, this->solution().parameters(),
                            before_.parameters());
    Masked masked(*this, evaluator);
    this->StepInside(gradient_, masked);
    internal::AssignFitting(pattern_, frozen_fit, before_.parameters(),
                            this->movable()->parameters());
  }

 private:
  // The objective as a function of what may move.
  class Masked final : public Evaluator<X> {
   public:
    Masked(const FixedPartMethod& method, Evaluator<X>& objective)
        : method_(method), objective_(objective) {}
    double Evaluate(const X& x, X& gradient) override {
      const double value = objective_.Evaluate(x, gradient);
      internal::ZeroFitting(method_.pattern_, frozen_fit, gradient.parameters());
      return value;
    }
    double value() const override { return objective_.value(); }
    int64_t evaluations() const override { return objective_.evaluations(); }

   private:
    const FixedPartMethod& method_;
    Evaluator<X>& objective_;
  };

  std::string pattern_;
  X before_;
  X gradient_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_FREEZE_H_
