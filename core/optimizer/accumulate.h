// These wrappers decide in which iterations the optimizer inside steps: once for several batches,
// and not at all where the objective is not finite.
#ifndef DESCENT_CORE_OPTIMIZER_ACCUMULATE_H_
#define DESCENT_CORE_OPTIMIZER_ACCUMULATE_H_

#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/wrapper.h"

namespace descent {

template <InnerProductSpace X>
class AccumulateMethod;
template <InnerProductSpace X>
class SkipNonFiniteMethod;

// The optimizer inside steps in every `iterations`-th iteration, by the mean gradient of these
// iterations (optax.MultiSteps). In between the solution stays.
template <class Optimizer>
struct Accumulate {
  static constexpr std::string_view kind = "accumulate";

  int64_t iterations = 4;  // ≥ 1
  Optimizer optimizer;

  void Describe(FieldList& fields) { fields(AtLeastOne("iterations"), iterations); }
  DESCENT_WRAPPER(Accumulate)
};

// An iteration whose value or gradient is not finite moves nothing (optax.apply_if_finite). It
// reports `skip_nonfinite.skipped`: how many such iterations there were.
template <class Optimizer>
struct SkipNonFinite {
  static constexpr std::string_view kind = "skip_nonfinite";

  Optimizer optimizer;

  void Describe(FieldList&) {}
  DESCENT_WRAPPER(SkipNonFinite)
};

template <InnerProductSpace X>
class AccumulateMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  AccumulateMethod(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0), iterations_(options.iterations), mean_(zeros_like(x0)) {
    this->RefuseEvaluating(
        "the optimizer inside evaluates the objective by itself, which is that of the last batch "
        "only; use larger batches");
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    if (count_ + 1 < iterations_) {
      this->SkipInside();
      Add(gradient);
      return;
    }
    X before = copy(mean_);
    const int64_t count = count_;
    Add(gradient);
    try {
      this->StepInside(mean_, evaluator);
    } catch (...) {
      assign(before, mean_);
      count_ = count;
      throw;
    }
    scale(0, mean_);
    count_ = 0;
  }
  void Visit(StateVisitor<X>& visitor) override {
    WrapperMethod<X>::Visit(visitor);
    visitor.Integer(this->Named("count"), count_);
    visitor.Space(this->Named("mean"), mean_);
  }

 private:
  void Add(const X& gradient) {
    ++count_;
    // The running mean is mean ← mean + (g − mean)/count.
    scale(1 - 1 / static_cast<double>(count_), mean_);
    axpy(1 / static_cast<double>(count_), gradient, mean_);
  }

  int64_t iterations_;
  int64_t count_ = 0;
  X mean_;
};

template <InnerProductSpace X>
class SkipNonFiniteMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  SkipNonFiniteMethod(const O& options, const X& x0) : WrapperMethod<X>(options, x0) {}

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    skips_ = !std::isfinite(evaluator.value()) || !std::isfinite(norm(gradient));
    if (!skips_) {
      this->StepInside(gradient, evaluator);
    } else {
      this->SkipInside();
      ++skipped_;
    }
  }
  std::string_view stuck() const override {
    return skips_ ? "the value or the gradient is not finite and skip_nonfinite makes no step there"
                  : WrapperMethod<X>::stuck();
  }
  bool TakeEvaluation(double& value, X& gradient) override {
    return this->TakeEvaluationInside(value, gradient);
  }
  void Report(const Reporter& report) override {
    WrapperMethod<X>::Report(report);
    report(this->Named("skipped"), static_cast<double>(skipped_));
  }
  void Visit(StateVisitor<X>& visitor) override {
    WrapperMethod<X>::Visit(visitor);
    visitor.Integer(this->Named("skipped"), skipped_);
  }

 private:
  int64_t skipped_ = 0;
  bool skips_ = false;  // whether the last step was skipped
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ACCUMULATE_H_
