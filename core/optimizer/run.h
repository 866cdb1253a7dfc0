// A `Run` is an optimizer at work: the infinite range of iterations.
//
//   for (const auto& it : GradientDescent{.step_size = 0.1}(x0, objective) | std::views::take(100))
//
// A run is a C++20 input range over itself: it can be gone through once, and `begin()` again goes
// on from where it stands. Advancing is lazy: `++` only marks; the step is computed when the next
// iteration is looked at. A run owns its method and a copy of the objective. Movable. Not
// thread-safe.
//
// It throws what the objective throws, and std::invalid_argument if a sequence leaves its range;
// the run then stands where it stood and may be looked at again.
#ifndef DESCENT_CORE_OPTIMIZER_RUN_H_
#define DESCENT_CORE_OPTIMIZER_RUN_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/optimizer/any_objective.h"
#include "core/optimizer/iteration.h"
#include "core/optimizer/method.h"
#include "core/optimizer/objective_dials.h"
#include "core/optimizer/parts.h"
#include "core/optimizer/state.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent {

namespace internal {

// What models remember besides their parameters (core/model/fields.h: running averages). A run has
// one set of it, whichever of its iterates is evaluated, because a method holds several iterates
// and has them change places. Steps that evaluate elsewhere leave the set alone. Other spaces have
// nothing of the kind.
template <class X>
class RunStates {
 public:
  explicit RunStates(const X&) {}
  void Give(const X&) const {}
  void Take(const X&) {}
};

template <class X>
  requires requires(const X& x) { Space<X>::states(x); }
class RunStates<X> {
 public:
  explicit RunStates(const X& x) {
    for (const at::Tensor& state : Space<X>::states(x)) states_.push_back(state.clone());
  }
  void Give(const X& x) const { flat::assign(states_, Space<X>::states(x)); }
  void Take(const X& x) { flat::assign(Space<X>::states(x), states_); }

 private:
  std::vector<at::Tensor> states_;
};

}  // namespace internal

// There is one class for each space: the method and the objective are whatever they are behind it.
template <InnerProductSpace X>
class Run {
 public:
  Run(std::unique_ptr<Method<X>> method, AnyObjective<X> objective)
      : method_(std::move(method)),
        objective_(std::move(objective)),
        weights_(objective_.dials()),
        gradient_(zeros_like(method_->solution())),
        frozen_(method_->frozen()),
        states_(method_->solution()) {
    method_->Hold(frozen_);
    for (Dial* dial : method_->dials()) dials_.push_back(dial);
    for (Dial* dial : weights_.list()) dials_.push_back(dial);
    for (Dial* dial : dials_) {
      const Sequence::Feedback* feedback = dial->sequence.feedback();
      if (feedback && feedback->metric == Sequence::kValue) observing_.push_back(dial);
    }
  }

  // Gives the present iteration, and computes it if need be.
  Iteration<X> Current() {
    Move();
    if (!evaluated_) {
      objective_.seek(index_);
      weights_.Weigh(objective_);
      states_.Give(method_->point());
      EvaluateHere();
      states_.Take(method_->point());
      states_.Give(method_->solution());
      states_.Give(method_->average());
      evaluated_ = true;
      Observe();
    }
    return {index_,    method_->solution(),  value_,
            gradient_, method_->step_size(), method_->average()};
  }

  // Marks the next iteration as the present one.
  void Advance() {
    if (stepping_ || !evaluated_) Current();
    stepping_ = true;
  }

  // Makes the step that is marked, if one is, and evaluates nothing where it leads: another run's
  // step comes first, whose solution this objective depends on.
  void Move() {
    if (!stepping_) return;
    if (weights_.Weigh(objective_) || moved_) EvaluateHere();
    moved_ = false;
    MakeStep();
    ++index_;
    stepping_ = false;
    // A line search knows the objective where it ended; of the next batch it knows nothing.
    evaluated_ = !changes() && method_->TakeEvaluation(value_, gradient_);
    if (evaluated_) Observe();
  }

  // Says that what the objective depends on besides its argument has moved since it was evaluated,
  // so that the step that is marked goes by the gradient of now.
  void ObjectiveMoved() { moved_ = true; }

  // The solution of the iteration that stands, without computing anything.
  const X& solution() const { return method_->solution(); }

  // The dials: the step size first, if the method has one, and the objective's last. Valid as long
  // as the run.
  std::span<Dial* const> dials() { return dials_; }
  AnyObjective<X>& objective() { return objective_; }
  // Why the last step left the solution where it was, if the next one by the same objective would,
  // too; empty otherwise.
  std::string_view stuck() const { return method_->stuck(); }
  // True if the objective is another one in each iteration.
  bool changes() const { return objective_.changes(); }

  // Reports the method's further numbers, as of the present iterate, and the objective's; first of
  // all `evaluations` if there is more than one an iteration.
  void Report(const Reporter& report) {
    if (method_->evaluates()) report("evaluations", static_cast<double>(evaluations_));
    method_->Report(report);
    objective_.Report(report);
  }
  // How often the objective was evaluated with its gradient since iteration 0; saved and restored.
  int64_t evaluations() const { return evaluations_; }

  // Shows the visitor the state as of the iteration last looked at: `iteration`, the method's
  // spaces and numbers, the dials.
  void Save(StateVisitor<X>& visitor) { Visit(visitor); }
  // Takes over what the visitor writes; the next look evaluates the objective there, so that all
  // goes on bit for bit as after the save.
  void Restore(StateVisitor<X>& visitor) {
    stepping_ = false;
    moved_ = false;
    evaluated_ = false;
    Visit(visitor);
    states_.Take(method_->solution());
  }

  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Iteration<X>;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(Run* run) : run_(run) {}
    Iteration<X> operator*() const { return run_->Current(); }
    Iterator& operator++() {
      run_->Advance();
      return *this;
    }
    void operator++(int) { run_->Advance(); }

   private:
    Run* run_;
  };

  Iterator begin() { return Iterator(this); }
  std::unreachable_sentinel_t end() { return {}; }

 private:
  // What a step may ask of the objective: `seek` has been called for the gradient already.
  class Evaluation final : public Evaluator<X> {
   public:
    explicit Evaluation(Run& run) : run_(run) {}
    double Evaluate(const X& x, X& gradient) override { return run_.EvaluateAt(x, gradient); }
    double value() const override { return run_.value_; }
    int64_t evaluations() const override { return run_.evaluations_; }

   private:
    Run& run_;
  };

  void Observe() {
    for (Dial* dial : observing_) dial->sequence.Observe(index_, value_);
  }

  void EvaluateHere() { value_ = EvaluateAt(method_->point(), gradient_); }

  // Evaluates the objective as a function of what may move.
  double EvaluateAt(const X& x, X& gradient) {
    const double value = objective_.gradient_into(x, gradient);
    ++evaluations_;
    ZeroAt(frozen_, gradient);
    return value;
  }

  void MakeStep() {
    Evaluation evaluation(*this);
    weights_.Use();
    try {
      method_->Step(gradient_, evaluation);
    } catch (...) {
      weights_.Undo();
      throw;
    }
  }

  void Visit(StateVisitor<X>& visitor) {
    visitor.Integer("iteration", index_);
    // The present iterate's own evaluation counts, which whoever restores makes once more.
    const int64_t missing = evaluated_ ? 0 : 1;
    int64_t evaluations = evaluations_ + missing;
    visitor.Integer("evaluations", evaluations);
    evaluations_ = evaluations - missing;
    method_->Visit(visitor);
    weights_.Visit(visitor);
    visitor.States(method_->solution());
  }

  std::unique_ptr<Method<X>> method_;
  AnyObjective<X> objective_;
  ObjectiveDials weights_;
  std::vector<Dial*> dials_;
  X gradient_;
  Places frozen_;
  std::vector<Dial*> observing_;  // those that go by the value of each iteration
  internal::RunStates<X> states_;
  double value_ = 0;
  int64_t index_ = 0;
  int64_t evaluations_ = 0;
  bool stepping_ = false;   // marked: the next look makes a step first
  bool evaluated_ = false;  // value_ and gradient_ are those of index_
  bool moved_ = false;      // the objective has moved since it was evaluated
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_RUN_H_
