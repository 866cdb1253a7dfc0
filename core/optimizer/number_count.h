// How many numbers an element of a space has.
#ifndef DESCENT_CORE_OPTIMIZER_NUMBER_COUNT_H_
#define DESCENT_CORE_OPTIMIZER_NUMBER_COUNT_H_

#include <concepts>

#include "ATen/core/Tensor.h"
#include "core/space/space.h"
#include "core/space/tensor_space.h"

namespace descent {

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

#endif  // DESCENT_CORE_OPTIMIZER_NUMBER_COUNT_H_
