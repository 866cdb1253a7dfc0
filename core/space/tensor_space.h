// at::Tensor is a space: floating point, any shape, any device.
//
// `copy` and `zeros_like` give contiguous tensors that no graph knows. The operations don't record
// a graph either.
#ifndef DESCENT_CORE_SPACE_TENSOR_SPACE_H_
#define DESCENT_CORE_SPACE_TENSOR_SPACE_H_

#include "ATen/core/Tensor.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent {

template <>
struct Space<at::Tensor> {
  // Throws std::invalid_argument if x isn't a defined tensor of floating-point numbers.
  static at::Tensor copy(const at::Tensor& x);
  static at::Tensor zeros_like(const at::Tensor& x);
  static Buffers buffers(const at::Tensor& x) { return Buffers(&x, 1); }
  static void assign(const at::Tensor& x, at::Tensor& y) { flat::assign(buffers(x), buffers(y)); }
  static void scale(double a, at::Tensor& x) { flat::scale(a, buffers(x)); }
  static void axpy(double a, const at::Tensor& x, at::Tensor& y) {
    flat::axpy(a, buffers(x), buffers(y));
  }
  static double dot(const at::Tensor& x, const at::Tensor& y) {
    return flat::dot(buffers(x), buffers(y));
  }
  static double norm(const at::Tensor& x) { return flat::norm(buffers(x)); }
  static void multiply(const at::Tensor& x, at::Tensor& y) {
    flat::multiply(buffers(x), buffers(y));
  }
  static void divide(const at::Tensor& x, at::Tensor& y);
  static void square_root(at::Tensor& x) { flat::square_root(buffers(x)); }
  static void shift(double a, at::Tensor& x);
  static void absolute_value(at::Tensor& x) { flat::absolute_value(buffers(x)); }
  static void signum(at::Tensor& x) { flat::signum(buffers(x)); }
  static void maximum(const at::Tensor& x, at::Tensor& y) { flat::maximum(buffers(x), buffers(y)); }
};

}  // namespace descent

#endif  // DESCENT_CORE_SPACE_TENSOR_SPACE_H_
