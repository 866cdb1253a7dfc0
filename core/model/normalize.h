// The loops of layers that subtract a mean and divide by a standard deviation, on memory that is
// there already: our own for float and double on CPU, at:: for the rest. Tensors are contiguous and
// of one dtype and device. Free functions; any thread, on memory that nobody else writes.
//
// An array [outer, groups, inner] is normalized for each group: over outer and inner. So a batch
// norm of x [batch, channels, positions] is [batch, channels, positions], a layer norm of rows
// [1, rows, features], a group norm [1, batch·groups, channels/groups·positions].
#ifndef DESCENT_CORE_MODEL_NORMALIZE_H_
#define DESCENT_CORE_MODEL_NORMALIZE_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace descent::normalize {

struct Extent {
  int64_t outer = 1;
  int64_t groups = 1;
  int64_t inner = 1;
};

// Writes mean, variance (÷ count) and 1/√(variance + epsilon) of each group.
void Moments(const Extent& extent, double epsilon, const at::Tensor& x, const at::Tensor& mean,
             const at::Tensor& variance, const at::Tensor& inverse);

// Writes inverse ← 1/√(variance + epsilon).
void Invert(double epsilon, const at::Tensor& variance, const at::Tensor& inverse);

// Writes y ← (x − mean)·inverse; y may be x.
void Normalize(const Extent& extent, const at::Tensor& x, const at::Tensor& mean,
               const at::Tensor& inverse, const at::Tensor& y);

// Writes sum ← Σ dy and product ← Σ dy ⊙ y for each group.
void Sums(const Extent& extent, const at::Tensor& y, const at::Tensor& dy, const at::Tensor& sum,
          const at::Tensor& product);

// Writes the derivative by x from that by y = (x − mean)·inverse, from y and from the sums of the
// two: dx ← inverse·(dy − sum/count − y·product/count); dx may be dy.
void Differentiate(const Extent& extent, const at::Tensor& y, const at::Tensor& dy,
                   const at::Tensor& inverse, const at::Tensor& sum, const at::Tensor& product,
                   const at::Tensor& dx);

// Writes y ← x·weight + bias by group, without a bias if it is undefined; y may be x.
void Scale(const Extent& extent, const at::Tensor& x, const at::Tensor& weight,
           const at::Tensor& bias, const at::Tensor& y);

}  // namespace descent::normalize

#endif  // DESCENT_CORE_MODEL_NORMALIZE_H_
