// Sharpness-aware minimization.
#ifndef DESCENT_CORE_OPTIMIZER_SAM_H_
#define DESCENT_CORE_OPTIMIZER_SAM_H_

#include <string_view>
#include <utility>

#include "core/optimizer/wrapper.h"

namespace descent {

template <InnerProductSpace X, class O>
class SamMethod;

// The optimizer inside steps by the gradient at x + radius·g/|g|, on the same batch  (Foret et al.
// 2021, algorithm 1). Two evaluations an iteration.
template <class Optimizer>
struct Sam {
  static constexpr std::string_view kind = "sam";

  Sequence radius = 0.05;  // each ≥ 0
  Optimizer optimizer;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit(NonNegative("radius"), self.radius);
  }
  DESCENT_WRAPPER(Sam)
};

template <InnerProductSpace X, class O>
class SamMethod : public WrapperMethod<X, O> {
 public:
  SamMethod(const O& options, const X& x0)
      : WrapperMethod<X, O>(options, x0), ascended_(copy(x0)), gradient_(zeros_like(x0)) {
    this->RefuseEvaluating(
        "the optimizer inside evaluates the objective where it likes, so a gradient taken "
        "elsewhere would not fit");
  }

  bool evaluates() const { return true; }
  void Step(const X& gradient, Evaluator<X>& evaluator) {
    this->Guarded([&] {
      const double length = norm(gradient);
      if (length == 0) return this->StepInside(gradient, evaluator);
      assign(this->point(), ascended_);
      axpy(this->dials_.used(0) / length, gradient, ascended_);
      evaluator.Evaluate(ascended_, gradient_);
      this->StepInside(gradient_, evaluator);
    });
  }

 private:
  X ascended_;
  X gradient_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_SAM_H_
