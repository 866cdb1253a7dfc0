// Clipping the gradient: by its norm, by each parameter's norm, by value.
#ifndef DESCENT_CORE_OPTIMIZER_CLIP_H_
#define DESCENT_CORE_OPTIMIZER_CLIP_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/optimizer/element.h"
#include "core/optimizer/number_count.h"
#include "core/optimizer/parts.h"
#include "core/optimizer/wrapper.h"

namespace descent {

template <InnerProductSpace X>
class ClipByNormMethod;
template <InnerProductSpace X>
class ClipByParameterNormMethod;
template <ElementwiseAlgebra X>
class ClipByValueMethod;

// g ← g·max_norm/|g| where |g| > max_norm (Pascanu, Mikolov & Bengio 2013, algorithm 1; as
// optax.clip_by_global_norm). Reports `clip_by_norm.clipped`: the fraction of steps clipped so far.
template <class Optimizer>
struct ClipByNorm {
  static constexpr std::string_view kind = "clip_by_norm";

  Sequence max_norm = 1.0;  // each > 0
  Optimizer optimizer;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit(Positive("max_norm"), self.max_norm);
  }
  DESCENT_WRAPPER(ClipByNorm)
};

// The same for each parameter by itself. Reports the fraction of parameters clipped in the last
// step, of those that aren't frozen.
template <class Optimizer>
struct ClipByParameterNorm {
  static constexpr std::string_view kind = "clip_by_parameter_norm";

  Sequence max_norm = 1.0;  // each > 0
  Optimizer optimizer;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit(Positive("max_norm"), self.max_norm);
  }
  DESCENT_WRAPPER(ClipByParameterNorm)
};

// Each number into [−max_value, max_value] (optax.clip, torch clip_grad_value_). Reports
// `clip_by_value.clipped`: the fraction of numbers clipped in the last step, of those that aren't
// frozen.
template <class Optimizer>
struct ClipByValue {
  static constexpr std::string_view kind = "clip_by_value";

  Sequence max_value = 1.0;  // each > 0
  Optimizer optimizer;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit(Positive("max_value"), self.max_value);
  }
  DESCENT_WRAPPER(ClipByValue)
};

namespace internal {
inline constexpr std::string_view kClipEvaluating =
    "the optimizer inside evaluates the objective by itself, and those gradients would not be "
    "clipped; put the clipping inside it, or leave it out around a line search";
}  // namespace internal

template <InnerProductSpace X>
class ClipByNormMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  ClipByNormMethod(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0), gradient_(zeros_like(x0)) {
    this->RefuseEvaluating(internal::kClipEvaluating);
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->Guarded([&] {
      const double max_norm = this->dials_.used(0), present = norm(gradient);
      const bool clip = present > max_norm;
      if (clip) {
        assign(gradient, gradient_);
        scale(max_norm / present, gradient_);
      }
      this->StepInside(clip ? gradient_ : gradient, evaluator);
      ++steps_;
      clipped_ += clip ? 1 : 0;
    });
  }
  void Report(const Reporter& report) override {
    WrapperMethod<X>::Report(report);
    report(this->Named("clipped"),
           steps_ == 0 ? 0 : static_cast<double>(clipped_) / static_cast<double>(steps_));
  }
  void Visit(StateVisitor<X>& visitor) override {
    WrapperMethod<X>::Visit(visitor);
    visitor.Integer(this->Named("steps"), steps_);
    visitor.Integer(this->Named("clipped"), clipped_);
  }

 private:
  X gradient_;
  int64_t steps_ = 0;
  int64_t clipped_ = 0;
};

template <InnerProductSpace X>
class ClipByParameterNormMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  ClipByParameterNormMethod(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0), gradient_(zeros_like(x0)) {
    this->RefuseEvaluating(internal::kClipEvaluating);
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->Guarded([&] {
      const double max_norm = this->dials_.used(0);
      assign(gradient, gradient_);
      double clipped = 0;
      if constexpr (NamedParameters<X>) {
        // Frozen ones have no gradient.
        const size_t count = gradient_.parameters().size() - this->frozen_.size();
        const int changed = internal::ClipNorms(max_norm, gradient_.parameters());
        if (count > 0) clipped = static_cast<double>(changed) / static_cast<double>(count);
      } else if (const double present = norm(gradient); present > max_norm) {
        scale(max_norm / present, gradient_);
        clipped = 1;
      }
      this->StepInside(gradient_, evaluator);
      clipped_ = clipped;
    });
  }
  void Report(const Reporter& report) override {
    WrapperMethod<X>::Report(report);
    report(this->Named("clipped"), clipped_);
  }
  void Visit(StateVisitor<X>& visitor) override {
    WrapperMethod<X>::Visit(visitor);
    visitor.Number(this->Named("clipped"), clipped_);
  }

 private:
  X gradient_;
  double clipped_ = 0;
};

template <ElementwiseAlgebra X>
class ClipByValueMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  ClipByValueMethod(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0),
        gradient_(zeros_like(x0)),
        changed_(zeros_like(x0)),
        count_(NumberCount(x0)) {
    this->RefuseEvaluating(internal::kClipEvaluating);
  }

  void Hold(const Places& frozen) override {
    WrapperMethod<X>::Hold(frozen);
    count_ = NumberCount(this->solution());
    if constexpr (NamedParameters<X>) {
      const auto parameters = this->solution().parameters();
      for (const size_t i : frozen) count_ -= static_cast<double>(parameters[i].tensor.numel());
    }
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->Guarded([&] {
      const double max_value = this->dials_.used(0);
      assign(gradient, gradient_);
      Element<X> g(gradient_);
      g = min(max(g, -max_value), max_value);
      // Where a number was changed, the difference has a sign.
      assign(gradient, changed_);
      axpy(-1, gradient_, changed_);
      signum(changed_);
      const double clipped = count_ > 0 ? dot(changed_, changed_) / count_ : 0;
      this->StepInside(gradient_, evaluator);
      clipped_ = clipped;
    });
  }
  void Report(const Reporter& report) override {
    WrapperMethod<X>::Report(report);
    report(this->Named("clipped"), clipped_);
  }
  void Visit(StateVisitor<X>& visitor) override {
    WrapperMethod<X>::Visit(visitor);
    visitor.Number(this->Named("clipped"), clipped_);
  }

 private:
  X gradient_;
  X changed_;
  double count_;  // of the numbers that may move
  double clipped_ = 0;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_CLIP_H_
