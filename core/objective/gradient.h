// `gradient(objective, x)` is the only door to differentiation.
//
// An objective is any callable of x (a tensor, a model) that gives one number as an at::Tensor; it
// is differentiated by autograd, straight into the gradient's flat buffer. An objective that knows
// better offers `gradient(x)` → (gradient, value) or, without allocating, `gradient_into(x, g)` →
// value, and that is preferred: hand-written derivatives, spaces that autograd doesn't know, plans.
//
//   auto [g, value] = gradient(objective, x);
//
// It uses x exclusively while it runs (its tensors are marked as leaves of the graph meanwhile).
#ifndef DESCENT_CORE_OBJECTIVE_GRADIENT_H_
#define DESCENT_CORE_OBJECTIVE_GRADIENT_H_

#include <concepts>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/model/model.h"
#include "core/objective/recording.h"
#include "core/space/space.h"
#include "core/space/tensor_space.h"

namespace descent {

template <class X>
struct GradientAndValue {
  X gradient;
  double value;
};

// The objective offers its own gradient in the memory of g, and gives the value.
template <class F, class X>
concept HasGradientInto = requires(F& f, const X& x, X& g) {
  { f.gradient_into(x, g) } -> std::convertible_to<double>;
};

// The objective offers its own gradient as a pair-like (gradient, value).
template <class F, class X>
concept HasGradient = requires(F& f, const X& x) {
  { f.gradient(x).gradient } -> std::convertible_to<X>;
  { f.gradient(x).value } -> std::convertible_to<double>;
};

// Autograd can differentiate it: x is a tensor or a model, the result a tensor with one number.
template <class F, class X>
concept Differentiable = requires(F& f, const X& x) {
  { f(x) } -> std::convertible_to<at::Tensor>;
  { Recordable<X>::Of(x) };
};

template <class F, class X>
concept Objective =
    InnerProductSpace<X> && (HasGradientInto<F, X> || HasGradient<F, X> || Differentiable<F, X>);

// An objective whose batch is a function of the iteration: `seek(k)` makes it the objective of
// iteration k. Optimizers call it before every evaluation.
template <class F>
concept StochasticObjective = requires(F& f, int64_t iteration) { f.seek(iteration); };

// Writes the gradient of a callable at x, by autograd, into g's memory, and gives the value there.
template <class F, class X>
  requires InnerProductSpace<X> && Differentiable<F, X>
double autograd_into(F& objective, const X& x, X& g) {
  decltype(auto) point = Recordable<X>::Point(x);
  Recording recording(Recordable<X>::Of(point));
  return recording.Differentiate(objective(point), Recordable<X>::Of(g));
}

// Writes the gradient at x into g's memory, and gives the value there. Throws what the objective
// throws, and std::invalid_argument if its result isn't one number.
template <class F, class X>
  requires Objective<F, X>
double gradient_into(F& objective, const X& x, X& g) {
  if constexpr (HasGradientInto<F, X>) {
    return objective.gradient_into(x, g);
  } else if constexpr (HasGradient<F, X>) {
    auto result = objective.gradient(x);
    assign(result.gradient, g);
    return result.value;
  } else {
    return autograd_into(objective, x, g);
  }
}

template <class F, class X>
  requires Objective<std::remove_reference_t<F>, X>
GradientAndValue<X> gradient(F&& objective, const X& x) {
  X g = zeros_like(x);
  const double value = gradient_into(objective, x, g);
  return {std::move(g), value};
}

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_GRADIENT_H_
