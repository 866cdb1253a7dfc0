// What an element-wise optimizer may have left to do for each parameter by itself, once its pass
// has made averages or a direction: `Finish`.
//
//   template <class P>
//   static void Finish(const Present<O>& now, const OneParameter<P>& parameter);
//
// P is at::Tensor, with the parameter's shape: of a model each parameter, a tensor by itself. A
// space without tensors has no shapes: there P is its element, as one parameter that is no matrix.
#ifndef DESCENT_CORE_OPTIMIZER_FINISH_H_
#define DESCENT_CORE_OPTIMIZER_FINISH_H_

#include <array>
#include <concepts>
#include <cstddef>
#include <span>

#include "ATen/core/Tensor.h"
#include "core/optimizer/flat_update.h"
#include "core/space/space.h"
#include "core/space/tensor_space.h"

namespace descent {

template <class P>
struct OneParameter {
  P& x;
  std::array<P*, internal::kMaxStates> states;  // in the order of States()
  std::span<P> own;                             // those that OwnStates() made for it
};

// How many numbers an element has.
template <ElementwiseAlgebra P>
double NumberCount(const P& x) {
  if constexpr (std::same_as<P, at::Tensor>) {
    return static_cast<double>(x.numel());
  } else if constexpr (requires { x.parameter_count(); }) {
    return static_cast<double>(x.parameter_count());
  } else {
    P ones = zeros_like(x);
    shift(1, ones);
    return dot(ones, ones);
  }
}

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_FINISH_H_
