// How an optimizer moves: what is left of it without the objective.
//
// A method owns x_k and whatever it remembers. `Run` (run.h) asks it where the gradient is wanted,
// evaluates the objective there, and has it step. Required:
//   const X& solution() const             x_k
//   const X& point() const                where the next gradient is to be taken
//   void Step(const X& gradient)          makes x_{k+1} of the gradient at point(), or
//   void Step(const X& gradient, Evaluator<X>& evaluator)   the same, with further evaluations
//   std::span<Dial* const> dials()        the step size first, if there is one; unique names
//   void Visit(StateVisitor<X>& visitor)  all that its future depends on; unique names
// Optional (the functions below say what stands in for what a method doesn't offer):
//   const X& average() const              what is to be evaluated in place of x_k: averaged weights
//   X* movable()                          the solution, if others may move it between two steps;
//                                         null if they may not
//   std::optional<double> step_size()     used in the last step, if it is no dial
//   void Report(const Reporter& report)   further numbers that people may want to see as series
//   bool evaluates() const                Step can't do without its evaluator
//   bool TakeEvaluation(double& value, X& gradient)
//                                         once after a step: if that step has evaluated the very
//                                         objective that it was given at what now is point(), the
//                                         value and the gradient (which may be swapped with the
//                                         method's own memory), and true. Only of a method that
//                                         is not movable.
//   Places frozen() const                 the parameters that it wants to stay as they are
//   void Hold(const Places& frozen)       told once, before the first step: those that are to stay,
//                                         whoever of a composition wants it. Their gradient is zero
//                                         from then on. A method without it never moves what has
//                                         had no gradient
//   const Dial* step_size_of(size_t parameter)
//                                         the dial that is this parameter's step size; null if
//                                         there is none
//   std::string_view stuck() const        why the last step left the solution where it was, if
//                                         another one by the same objective and dials would, too:
//                                         "the gradient is zero"; empty otherwise
// If `Step` throws, the method is as it was. Movable, and the dials don't move along: their
// addresses are those for good. Not thread-safe.
#ifndef DESCENT_CORE_OPTIMIZER_METHOD_H_
#define DESCENT_CORE_OPTIMIZER_METHOD_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "core/optimizer/parts.h"
#include "core/optimizer/state.h"
#include "core/space/space.h"

namespace descent {

// The objective during a step: the same batch as that of the gradient that the step was given.
template <class X>
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  // The value at x, and the gradient there in the memory of `gradient`. x must not be the method's
  // own solution while it is half-changed: whatever throws in here leaves the method as it is.
  virtual double Evaluate(const X& x, X& gradient) = 0;
  // The value that goes with the gradient that the step was given, at the method's point.
  virtual double value() const = 0;
  // Since iteration 0: the one evaluation of each iteration and those of steps.
  virtual int64_t evaluations() const = 0;
};

// Takes a number and the name of its series (`clip_by_norm.clipped`). A method reports the same
// names in the same order every time, also before its first step.
using Reporter = absl::FunctionRef<void(std::string_view name, double value)>;

template <class M, class X>
concept StepsWithEvaluator =
    requires(M& m, const X& g, Evaluator<X>& evaluator) { m.Step(g, evaluator); };

template <class M, class X>
concept Method = std::movable<M> && requires(M& m, const X& g, StateVisitor<X>& visitor) {
  { std::as_const(m).solution() } -> std::same_as<const X&>;
  { std::as_const(m).point() } -> std::same_as<const X&>;
  { m.dials() } -> std::same_as<std::span<Dial* const>>;
  m.Visit(visitor);
} && (StepsWithEvaluator<M, X> || requires(M& m, const X& g) { m.Step(g); });

// Steps, whether or not the method takes an evaluator.
template <class X, Method<X> M>
void Step(M& method, const X& gradient, Evaluator<X>& evaluator) {
  if constexpr (StepsWithEvaluator<M, X>) {
    method.Step(gradient, evaluator);
  } else {
    method.Step(gradient);
  }
}

// What is to be evaluated: the averaged solution if the method keeps one, else the solution.
template <class X, Method<X> M>
const X& Average(const M& method) {
  if constexpr (requires { method.average(); }) {
    return method.average();
  } else {
    return method.solution();
  }
}

// The solution to be moved from outside; null where the method would not notice.
template <class X, Method<X> M>
X* Movable(M& method) {
  if constexpr (requires { method.movable(); }) {
    return method.movable();
  } else {
    return nullptr;
  }
}

// The one used in the step that produced x_k; none before the first.
template <class M>
std::optional<double> StepSize(M& method) {
  if constexpr (requires { method.step_size(); }) {
    return method.step_size();
  } else {
    const auto dials = method.dials();
    return dials.empty() || dials.front()->name != "step_size" ? std::nullopt : dials.front()->used;
  }
}

// True if the last step brought what the next one needs; `gradient` then has it.
template <class X, Method<X> M>
bool TakeEvaluation(M& method, double& value, X& gradient) {
  if constexpr (requires { method.TakeEvaluation(value, gradient); }) {
    return method.TakeEvaluation(value, gradient);
  } else {
    return false;
  }
}

template <class X, Method<X> M>
Places FrozenIn(const M& method) {
  if constexpr (requires { method.frozen(); }) {
    return method.frozen();
  } else {
    return {};
  }
}

template <class M>
void Hold(M& method, const Places& frozen) {
  if constexpr (requires { method.Hold(frozen); }) method.Hold(frozen);
}

template <class M>
const Dial* StepSizeOf(M& method, size_t parameter) {
  if constexpr (requires { method.step_size_of(parameter); }) {
    return method.step_size_of(parameter);
  } else {
    const auto dials = method.dials();
    return dials.empty() || dials.front()->name != "step_size" ? nullptr : dials.front();
  }
}

template <class M>
std::string_view Stuck(const M& method) {
  if constexpr (requires { method.stuck(); }) {
    return method.stuck();
  } else {
    return {};
  }
}

template <class M>
void Report(M& method, const Reporter& report) {
  if constexpr (requires { method.Report(report); }) method.Report(report);
}

// True if the method's step is lost without an evaluator (a line search).
template <class X, Method<X> M>
bool Evaluates(const M& method) {
  if constexpr (requires { method.evaluates(); }) {
    return method.evaluates();
  } else {
    return StepsWithEvaluator<M, X>;
  }
}

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_METHOD_H_
