// Adafactor's second moments of matrices, in memory: two passes over the gradient, where LibTorch's
// operations one after the other take a dozen, some of them across the rows. Free functions; not
// thread-safe on the same tensors.
#ifndef DESCENT_CORE_OPTIMIZER_FACTORS_H_
#define DESCENT_CORE_OPTIMIZER_FACTORS_H_

#include "ATen/core/Tensor.h"

namespace descent::factors {

// Takes, for each matrix of g […, R, C], the means of g² by rows and columns into rows […, R, 1]
// and columns […, 1, C] with that weight (Shazeer & Stern 2018, algorithm 4), then
//   g ← g/√max(rows·columns/max(mean(rows), epsilon), epsilon²)
// Gives false, and does nothing, unless all are contiguous float or double on the CPU.
bool Scale(double weight, double epsilon, const at::Tensor& rows, const at::Tensor& columns,
           const at::Tensor& g);

}  // namespace descent::factors

#endif  // DESCENT_CORE_OPTIMIZER_FACTORS_H_
