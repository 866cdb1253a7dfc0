// A flat space has elements that lie in a few flat tensors: one operation each, whatever the
// element is.
//
// Such a space gives its memory as `Space<T>::buffers(x)`: contiguous floating-point tensors, one
// per dtype and device, in the same order for every element of the same shape. Gaps between the
// parameters inside a buffer hold zeros and keep them under every operation here but `shift`.
#ifndef DESCENT_CORE_SPACE_FLAT_SPACE_H_
#define DESCENT_CORE_SPACE_FLAT_SPACE_H_

#include <concepts>
#include <span>

#include "core/space/space.h"

namespace at {
class Tensor;
}

namespace descent {

using Buffers = std::span<const at::Tensor>;

// A space that hands out its memory, for fused kernels.
template <class T>
concept FlatSpace = InnerProductSpace<T> && requires(const T& x) {
  { Space<T>::buffers(x) } -> std::convertible_to<Buffers>;
};

// These are the operations of space.h on flat buffers. No graph is recorded. They throw
// std::invalid_argument if the two sides differ in structure, shape, dtype or device.
namespace flat {

void assign(Buffers x, Buffers y);
void scale(double a, Buffers x);
void axpy(double a, Buffers x, Buffers y);
double dot(Buffers x, Buffers y);
double norm(Buffers x);
void multiply(Buffers x, Buffers y);
void square_root(Buffers x);
void absolute_value(Buffers x);
void signum(Buffers x);
void maximum(Buffers x, Buffers y);
void zero(Buffers x);

}  // namespace flat
}  // namespace descent

#endif  // DESCENT_CORE_SPACE_FLAT_SPACE_H_
