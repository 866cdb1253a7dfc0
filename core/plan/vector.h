// Loops over vectors.
#ifndef DESCENT_CORE_PLAN_VECTOR_H_
#define DESCENT_CORE_PLAN_VECTOR_H_

#include <cstdint>

namespace descent {

// y ← y + x.
void AddTo(const float* x, int64_t count, float* y);
void AddTo(const double* x, int64_t count, double* y);

}  // namespace descent

#endif  // DESCENT_CORE_PLAN_VECTOR_H_
