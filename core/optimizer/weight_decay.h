// Weight decay, coupled and decoupled.
#ifndef DESCENT_CORE_OPTIMIZER_WEIGHT_DECAY_H_
#define DESCENT_CORE_OPTIMIZER_WEIGHT_DECAY_H_

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/optimizer/parts.h"
#include "core/optimizer/wrapper.h"

namespace descent {

template <InnerProductSpace X, class O>
class CoupledWeightDecayMethod;
template <InnerProductSpace X, class O>
class DecoupledWeightDecayMethod;

namespace internal {

// The hyperparameters of both.
template <class Self, class Visit>
void DescribeWeightDecay(Self& self, Visit&& visit) {
  visit(NonNegative("weight_decay"), self.weight_decay);
  visit(Range{.field = "pattern"}, self.pattern);
}

}  // namespace internal

// g ← g + weight_decay·x: the gradient of f(x) + weight_decay/2·|x|² (torch.optim's `weight_decay`
// but in AdamW). Line searches inside see that function, too.
template <class Optimizer>
struct CoupledWeightDecay {
  static constexpr std::string_view kind = "coupled_weight_decay";

  Sequence weight_decay = 0.01;  // each ≥ 0
  std::string pattern = "*";     // of the names of the parameters that decay
  Optimizer optimizer;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    internal::DescribeWeightDecay(self, visit);
  }
  DESCENT_WRAPPER(CoupledWeightDecay)
};

// x ← x − step_size·weight_decay·x before the step inside, with its step size (Loshchilov & Hutter
// 2019; around Adam: AdamW).
template <class Optimizer>
struct DecoupledWeightDecay {
  static constexpr std::string_view kind = "decoupled_weight_decay";

  Sequence weight_decay = 0.01;  // each ≥ 0
  std::string pattern = "*";     // of the names of the parameters that decay
  Optimizer optimizer;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    internal::DescribeWeightDecay(self, visit);
  }
  DESCENT_WRAPPER(DecoupledWeightDecay)
};

template <InnerProductSpace X, class O>
class CoupledWeightDecayMethod : public WrapperMethod<X, O> {
 public:
  CoupledWeightDecayMethod(const O& options, const X& x0)
      : WrapperMethod<X, O>(options, x0), pattern_(options.pattern), gradient_(zeros_like(x0)) {
    CheckPattern(this->Named("pattern"), pattern_, x0);
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) {
    this->Guarded([&] {
      const double decay = this->dials_.used(0);
      assign(gradient, gradient_);
      AxpyFitting(pattern_, decay, this->point(), gradient_);
      Decayed decayed(*this, decay, evaluator);
      this->StepInside(gradient_, decayed);
    });
  }

 private:
  // f(x) + decay/2·|x|² for whoever evaluates inside.
  class Decayed final : public Evaluator<X> {
   public:
    Decayed(const CoupledWeightDecayMethod& method, double decay, Evaluator<X>& objective)
        : method_(method), decay_(decay), objective_(objective) {}
    double Evaluate(const X& x, X& gradient) override {
      const double value = objective_.Evaluate(x, gradient);
      AxpyFitting(method_.pattern_, decay_, x, gradient);
      return value + Penalty(x);
    }
    double value() const override { return objective_.value() + Penalty(method_.point()); }
    int64_t evaluations() const override { return objective_.evaluations(); }

   private:
    double Penalty(const X& x) const {
      X fitting = zeros_like(x);
      AxpyFitting(method_.pattern_, 1, x, fitting);
      return decay_ / 2 * dot(fitting, fitting);
    }
    const CoupledWeightDecayMethod& method_;
    double decay_;
    Evaluator<X>& objective_;
  };

  std::string pattern_;
  X gradient_;
};

template <InnerProductSpace X, class O>
class DecoupledWeightDecayMethod : public WrapperMethod<X, O> {
 public:
  DecoupledWeightDecayMethod(const O& options, const X& x0)
      : WrapperMethod<X, O>(options, x0), pattern_(options.pattern) {
    CheckPattern(this->Named("pattern"), pattern_, x0);
    this->RequireMovable("decays the solution between two steps");
    if (this->dials().empty() || this->dials().front()->name != "step_size") {
      throw std::invalid_argument(
          absl::StrCat(this->scope_,
                       ": the optimizer inside has no step size to decay by; use "
                       "coupled_weight_decay"));
    }
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) {
    this->Guarded([&] {
      // The decay comes first, in the step's own step size; if the step fails, it is taken back.
      const double step_size = this->dials().front()->sequence.value();
      const double keep = 1 - step_size * this->dials_.used(0);
      X& x = *this->movable();
      if (!before_) before_.emplace(zeros_like(x));
      assign(x, *before_);
      ScaleFitting(pattern_, keep, x);
      try {
        this->StepInside(gradient, evaluator);
      } catch (...) {
        assign(*before_, *this->movable());
        throw;
      }
    });
  }

 private:
  std::string pattern_;
  std::optional<X> before_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_WEIGHT_DECAY_H_
