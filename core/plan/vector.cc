#include "core/plan/vector.h"

#include <cstdint>

#include "core/plan/kernel.h"

namespace descent {

DESCENT_VECTORIZED void AddTo(const float* x, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] += x[i];
}
DESCENT_VECTORIZED void AddTo(const double* x, int64_t count, double* y) {
  for (int64_t i = 0; i < count; ++i) y[i] += x[i];
}

}  // namespace descent
