// SAM, sharpness-aware minimization, looks for flat minima: it steps by the gradient at a worse
// point nearby.
#ifndef DESCENT_CORE_OPTIMIZER_SAM_H_
#define DESCENT_CORE_OPTIMIZER_SAM_H_

#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/wrapper.h"

namespace descent {

template <InnerProductSpace X>
class SamMethod;

// The optimizer inside steps by the gradient at x + radius·g/|g|, on the same batch  (Foret et al.
// 2021, algorithm 1), which takes two evaluations an iteration. It reports `sam.sharpness`: by how
// much the value was greater there in the last step.
template <class Optimizer>
struct Sam {
  static constexpr std::string_view kind = "sam";

  Sequence radius = 0.05;  // each ≥ 0
  Optimizer optimizer;

  void Describe(FieldList& fields) { fields(NonNegative("radius"), radius); }
  DESCENT_WRAPPER(Sam)
};

template <InnerProductSpace X>
class SamMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  SamMethod(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0), ascended_(copy(x0)), gradient_(zeros_like(x0)) {
    this->RefuseEvaluating(
        "the optimizer inside evaluates the objective where it likes, so a gradient taken "
        "elsewhere would not fit");
  }

  bool evaluates() const override { return true; }
  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->Guarded([&] {
      const double length = norm(gradient);
      double sharpness = 0;
      if (length == 0) {
        this->StepInside(gradient, evaluator);
      } else {
        assign(this->point(), ascended_);
        axpy(this->dials_.used(0) / length, gradient, ascended_);
        sharpness = evaluator.Evaluate(ascended_, gradient_) - evaluator.value();
        this->StepInside(gradient_, evaluator);
      }
      sharpness_ = sharpness;
    });
  }
  void Report(const Reporter& report) override {
    WrapperMethod<X>::Report(report);
    report(this->Named("sharpness"), sharpness_);
  }
  void Visit(StateVisitor<X>& visitor) override {
    WrapperMethod<X>::Visit(visitor);
    visitor.Number(this->Named("sharpness"), sharpness_);
  }

 private:
  X ascended_;
  X gradient_;
  double sharpness_ = 0;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_SAM_H_
