// `DropMask` says which numbers are dropped in an iteration. It is a function of (seed, iteration,
// place), so that autograd and plan, and all evaluations within the iteration, drop the same ones.
#ifndef DESCENT_CORE_MODEL_DROP_MASK_H_
#define DESCENT_CORE_MODEL_DROP_MASK_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace descent {

// A value; any thread.
struct DropMask {
  uint64_t seed = 0;
  double p = 0.5;  // the share that is dropped, in [0, 1)

  // Writes into y x/(1 − p), or 0 where it is dropped; whole numbers are indices, which are not
  // divided. Both are contiguous and of the same shape, y may be x. Doesn't allocate on CPU.
  void Apply(int64_t iteration, const at::Tensor& x, const at::Tensor& y) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_DROP_MASK_H_
