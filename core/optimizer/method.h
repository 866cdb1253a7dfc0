// A `Method` is how an optimizer moves: what is left of an optimizer without the objective.
//
// It owns x_k and whatever it remembers. `Run` (run.h) asks it where the gradient is wanted,
// evaluates the objective there, and has it step. A method is a class derived from `Method` that
// overrides the hooks in which it differs; with `override` behind each, the compiler finds a
// misspelt one. A step makes a few virtual calls, none for each number.
//
// If `Step` throws, the method is as it was. A method stays where it is in memory, because what it
// hands out refers to it. Not thread-safe.
#ifndef DESCENT_CORE_OPTIMIZER_METHOD_H_
#define DESCENT_CORE_OPTIMIZER_METHOD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/places.h"
#include "core/optimizer/state.h"
#include "core/space/space.h"

namespace descent {

// The objective during a step, on the same batch as the gradient that the step was given.
template <class X>
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  // Gives the value at x, and writes the gradient there into the memory of `gradient`. x must not
  // be the method's own solution while it is half-changed: whatever throws in here leaves the
  // method as it is.
  virtual double Evaluate(const X& x, X& gradient) = 0;
  // The value that goes with the gradient that the step was given, at the method's point.
  virtual double value() const = 0;
  // The evaluations since iteration 0: the one of each iteration and those of steps.
  virtual int64_t evaluations() const = 0;
};

// Takes a number and the name of its series (`clip_by_norm.clipped`).
using Reporter = absl::FunctionRef<void(std::string_view name, double value)>;

template <InnerProductSpace X>
class Method {
 public:
  Method() = default;
  Method(const Method&) = delete;
  Method& operator=(const Method&) = delete;
  virtual ~Method() = default;

  // This is x_k.
  virtual const X& solution() const = 0;
  // Makes x_{k+1} of the gradient at point(). If the method needs further evaluations of the
  // objective, it asks the evaluator for them.
  virtual void Step(const X& gradient, Evaluator<X>& evaluator) = 0;
  // The method's dials, the step size first if there is one; their names are unique, their
  // addresses stay the same for good.
  virtual std::span<Dial* const> dials() = 0;
  // Shows the visitor all that the method's future depends on, by unique names.
  virtual void Visit(StateVisitor<X>& visitor) = 0;

  // Where the next gradient is to be taken.
  virtual const X& point() const { return solution(); }
  // What is to be evaluated in place of x_k, such as averaged weights.
  virtual const X& average() const { return solution(); }
  // The solution, if others may move it between two steps; null where the method would not notice.
  virtual X* movable() { return nullptr; }
  // True if a step evaluates the objective by itself, as line searches do: what a wrapper does to
  // the gradient alone would not reach those evaluations.
  virtual bool evaluates() const { return false; }
  // Asked once after a step. If that step has evaluated the very objective that it was given at
  // what now is point(), it gives true with the value and the gradient, which may be swapped with
  // the method's own memory. Only a method that is not movable may do so.
  virtual bool TakeEvaluation(double& /*value*/, X& /*gradient*/) { return false; }

  // The step size used in the step that produced x_k; there is none before the first.
  virtual std::optional<double> step_size() {
    const Dial* dial = StepSizeAmong(dials());
    return dial != nullptr ? dial->used : std::nullopt;
  }
  // The dial that is this parameter's step size; null if there is none.
  virtual const Dial* step_size_of(size_t /*parameter*/) { return StepSizeAmong(dials()); }

  // Reports further numbers that people may want to see as series: the same names in the same order
  // every time, also before the first step.
  virtual void Report(const Reporter& /*report*/) {}
  // Why the last step left the solution where it was, if the next one by the same objective and
  // dials would, too ("the gradient is zero"); empty otherwise.
  virtual std::string_view stuck() const { return {}; }

  // The parameters that this method wants to stay as they are.
  virtual Places frozen() const { return {}; }
  // Told once, before the first step: the parameters that are to stay, whoever of a composition
  // wants it. Their gradient is zero from then on. A method that never moves what has had no
  // gradient needs no override.
  virtual void Hold(const Places& /*frozen*/) {}
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_METHOD_H_
