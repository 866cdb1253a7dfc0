// These wrappers average the iterates of the optimizer inside: lookahead, exponential and equal
// averages.
#ifndef DESCENT_CORE_OPTIMIZER_AVERAGES_H_
#define DESCENT_CORE_OPTIMIZER_AVERAGES_H_

#include <cstdint>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/wrapper.h"

namespace descent {

template <InnerProductSpace X>
class LookaheadMethod;
template <InnerProductSpace X>
class EmaMethod;
template <InnerProductSpace X>
class SwaMethod;

// After every `period` steps: slow ← slow + slow_step_size·(x − slow), x ← slow  (Zhang et al.
// 2019, algorithm 1; slow weights begin at x0).
template <class Optimizer>
struct Lookahead {
  static constexpr std::string_view kind = "lookahead";

  Sequence slow_step_size = 0.5;  // each in [0, 1]
  int64_t period = 5;             // ≥ 1
  Optimizer optimizer;

  void Describe(FieldList& fields) {
    fields(UpToOne("slow_step_size"), slow_step_size);
    fields(AtLeastOne("period"), period);
  }
  DESCENT_WRAPPER(Lookahead)
};

// average ← decay·average + (1 − decay)·x after each step, beginning at x_1
// (torch.optim.swa_utils.get_ema_avg_fn). The average is what is evaluated.
template <class Optimizer>
struct Ema {
  static constexpr std::string_view kind = "ema";

  Sequence decay = 0.999;  // each in [0, 1)
  Optimizer optimizer;

  void Describe(FieldList& fields) { fields(UnitInterval("decay"), decay); }
  DESCENT_WRAPPER(Ema)
};

// The average is the mean of x_start, x_{start + period}, … (Izmailov et al. 2018). It is what is
// evaluated, once it has begun.
template <class Optimizer>
struct Swa {
  static constexpr std::string_view kind = "swa";

  int64_t start = 1;   // ≥ 1, the first iteration that counts
  int64_t period = 1;  // ≥ 1
  Optimizer optimizer;

  void Describe(FieldList& fields) {
    fields(AtLeastOne("start"), start);
    fields(AtLeastOne("period"), period);
  }
  DESCENT_WRAPPER(Swa)
};

template <InnerProductSpace X>
class LookaheadMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  LookaheadMethod(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0), period_(options.period), slow_(copy(x0)) {
    this->RequireMovable("moves the solution back to the slow weights");
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->Guarded([&] {
      this->StepInside(gradient, evaluator);
      if (++count_ < period_) return;
      count_ = 0;
      X& x = *this->movable();
      axpy(-1, slow_, x);
      axpy(this->dials_.used(0), x, slow_);
      assign(slow_, x);
    });
  }
  // Going back to the slow weights may move a solution that the step left where it was.
  std::string_view stuck() const override { return {}; }
  void Visit(StateVisitor<X>& visitor) override {
    WrapperMethod<X>::Visit(visitor);
    visitor.Integer(this->Named("count"), count_);
    visitor.Space(this->Named("slow"), slow_);
  }

 private:
  int64_t period_;
  int64_t count_ = 0;
  X slow_;
};

template <InnerProductSpace X>
class EmaMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  EmaMethod(const O& options, const X& x0) : WrapperMethod<X>(options, x0), average_(copy(x0)) {}

  const X& average() const override { return average_; }
  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->Guarded([&] {
      this->StepInside(gradient, evaluator);
      const double decay = begun_ == 0 ? 0 : this->dials_.used(0);
      scale(decay, average_);
      axpy(1 - decay, this->solution(), average_);
      // A frozen parameter is copied: the average of equal numbers, rounded, would be another
      // number.
      AssignAt(this->frozen_, this->solution(), average_);
      begun_ = 1;
    });
  }
  bool TakeEvaluation(double& value, X& gradient) override {
    return this->TakeEvaluationInside(value, gradient);
  }
  void Visit(StateVisitor<X>& visitor) override {
    WrapperMethod<X>::Visit(visitor);
    visitor.Integer(this->Named("begun"), begun_);
    visitor.Space(this->Named("average"), average_);
  }

 private:
  int64_t begun_ = 0;
  X average_;
};

template <InnerProductSpace X>
class SwaMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  SwaMethod(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0),
        start_(options.start),
        period_(options.period),
        average_(copy(x0)) {}

  const X& average() const override { return count_ == 0 ? this->solution() : average_; }
  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->StepInside(gradient, evaluator);
    ++steps_;
    if (steps_ < start_ || (steps_ - start_) % period_ != 0) return;
    ++count_;
    const double weight = 1 / static_cast<double>(count_);
    scale(1 - weight, average_);
    axpy(weight, this->solution(), average_);
    AssignAt(this->frozen_, this->solution(), average_);
  }
  bool TakeEvaluation(double& value, X& gradient) override {
    return this->TakeEvaluationInside(value, gradient);
  }
  void Visit(StateVisitor<X>& visitor) override {
    WrapperMethod<X>::Visit(visitor);
    visitor.Integer(this->Named("steps"), steps_);
    visitor.Integer(this->Named("count"), count_);
    visitor.Space(this->Named("average"), average_);
  }

 private:
  int64_t start_;
  int64_t period_;
  int64_t steps_ = 0;
  int64_t count_ = 0;
  X average_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_AVERAGES_H_
