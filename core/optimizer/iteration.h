// An `Iteration` is what an optimizer yields: where it stands, and value and gradient there.
#ifndef DESCENT_CORE_OPTIMIZER_ITERATION_H_
#define DESCENT_CORE_OPTIMIZER_ITERATION_H_

#include <cstdint>
#include <optional>

#include "core/space/space.h"

namespace descent {

// Index 0 is the starting point; index k is the state after k steps. The references belong to the
// run and hold until it is advanced: `copy(it.solution)` keeps a solution. They never alias what
// the caller passed in.
template <class X>
struct Iteration {
  int64_t index;
  // This is x_k.
  const X& solution;
  // Value and gradient of the objective where the gradient was taken: at x_k, except for Nesterov's
  // method, which takes it at the extrapolated point. The gradient is zero where parameters are
  // frozen.
  double value;
  const X& gradient;
  // The step size used in the step that produced x_k; index 0 has none.
  std::optional<double> step_size;
  // What is to be evaluated: the averaged solution of an optimizer that keeps one, else `solution`.
  const X& average;

  // The Euclidean norm.
  double gradient_norm() const { return norm(gradient); }
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ITERATION_H_
