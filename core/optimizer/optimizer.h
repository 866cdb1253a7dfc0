// An `Optimizer` is hyperparameters that make a method (method.h), which a run (run.h) drives.
//
//   struct GradientDescent {
//     …fields, kind, Describe (core/fields)…
//     DESCENT_OPTIMIZER(GradientDescentMethod)
//   };
//
// Optimizers are values, safe to share between threads as far as their sequences are (a Settable
// isn't).
#ifndef DESCENT_CORE_OPTIMIZER_OPTIMIZER_H_
#define DESCENT_CORE_OPTIMIZER_OPTIMIZER_H_

#include <concepts>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "core/objective/gradient.h"
#include "core/optimizer/any_objective.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/method.h"
#include "core/optimizer/run.h"
#include "core/space/space.h"

namespace descent {

template <class O, class X>
concept Optimizer = std::copyable<O> && requires(const O& optimizer, const X& x0) {
  // Gives INVALID_ARGUMENT naming the field.
  { optimizer.Validate() } -> std::same_as<absl::Status>;
  // Begins at a copy of x0. Throws std::invalid_argument where Validate() gives an error.
  { optimizer.Start(x0) } -> std::same_as<std::unique_ptr<Method<X>>>;
};

// Makes an optimizer, for the spaces of that concept, of a struct with hyperparameters and
// Validate(). It adds the class of its methods, which are made of the struct and x0; Start; and the
// call (x0, objective), which gives the range of iterations from a copy of x0.
#define DESCENT_METHOD(Concept, ...)                                        \
  template <Concept X>                                                      \
  using MethodFor = __VA_ARGS__;                                            \
  template <Concept X>                                                      \
  ::std::unique_ptr<::descent::Method<X>> Start(const X& x0) const {        \
    return ::std::make_unique<MethodFor<X>>(*this, x0);                     \
  }                                                                         \
  template <Concept X, ::descent::Objective<X> F>                           \
  ::descent::Run<X> operator()(const X& x0, F objective) const {            \
    return {Start(x0), ::descent::AnyObjective<X>(::std::move(objective))}; \
  }

// Does the same for a method that works in any inner product space, with a Validate() that goes by
// the declaration of the fields.
#define DESCENT_OPTIMIZER(MethodOf)                                            \
  ::absl::Status Validate() const { return ::descent::ValidateFields(*this); } \
  DESCENT_METHOD(::descent::InnerProductSpace, MethodOf<X>)

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_OPTIMIZER_H_
