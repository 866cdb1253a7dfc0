// What the loops that plans have of their own share: how they are compiled, and where they apply.
#ifndef DESCENT_CORE_PLAN_KERNEL_H_
#define DESCENT_CORE_PLAN_KERNEL_H_

#include <utility>

#include "ATen/core/Tensor.h"

// The compiler makes a function for each vector width, and the processor's is taken at run time.
// Nothing here is compiled with contraction to fused multiply-adds (.bazelrc), so the bits are the
// same everywhere.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DESCENT_VECTORIZED __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define DESCENT_VECTORIZED
#endif

namespace descent {

// Calls f with a null pointer of the element type if x is on CPU and float or double, for loops of
// one's own. Gives false, and calls nothing, if it is left to at::.
template <class F>
bool OnCpu(const at::Tensor& x, F&& f) {
  if (!x.is_cpu()) return false;
  switch (x.scalar_type()) {
    case at::kFloat:
      std::forward<F>(f)(static_cast<float*>(nullptr));
      return true;
    case at::kDouble:
      std::forward<F>(f)(static_cast<double*>(nullptr));
      return true;
    default:
      return false;
  }
}

}  // namespace descent

#endif  // DESCENT_CORE_PLAN_KERNEL_H_
