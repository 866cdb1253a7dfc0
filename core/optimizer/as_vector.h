// An element of a space as a vector of doubles, for optimizers that know no spaces (NLopt, SciPy).
//
// A model's numbers are those of its parameters in order, without the gaps between them, so the
// inner product is that of the space. The vectors are values; not thread-safe on one element.
#ifndef DESCENT_CORE_OPTIMIZER_AS_VECTOR_H_
#define DESCENT_CORE_OPTIMIZER_AS_VECTOR_H_

#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/optimizer/parts.h"
#include "core/space/flat_space.h"

namespace descent {
namespace internal {

template <FlatSpace X>
std::vector<at::Tensor> TensorsOf(const X& x) {
  std::vector<at::Tensor> tensors;
  if constexpr (NamedParameters<X>) {
    for (const auto& parameter : x.parameters()) tensors.push_back(parameter.tensor);
  } else {
    for (const at::Tensor& buffer : Space<X>::buffers(x)) tensors.push_back(buffer);
  }
  return tensors;
}

std::vector<double> Read(std::span<const at::Tensor> tensors);
void Write(std::span<const double> numbers, std::span<const at::Tensor> tensors);

}  // namespace internal

template <FlatSpace X>
std::vector<double> ToVector(const X& x) {
  return internal::Read(internal::TensorsOf(x));
}

// Writes the numbers into x's own memory, rounded to its dtype. Throws std::invalid_argument if
// there are more or fewer numbers than x has.
template <FlatSpace X>
void FromVector(std::span<const double> numbers, X& x) {
  internal::Write(numbers, internal::TensorsOf(x));
}

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_AS_VECTOR_H_
