// Sums and greatest numbers in eight lanes, which vectorize in a loop (`DESCENT_VECTORIZED`); the
// order of the additions is the same whatever the vectors' width.
#ifndef DESCENT_CORE_PLAN_REDUCE_H_
#define DESCENT_CORE_PLAN_REDUCE_H_

#include <cstdint>

namespace descent {

inline constexpr int64_t kLanes = 8;

// Gives term(0) + … + term(count − 1).
template <class T, class Term>
[[gnu::always_inline]] inline T SumOf(int64_t count, Term term) {
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += term(i + l);
  }
  for (int64_t l = 0; i < count; ++i, ++l) lanes[l] += term(i);
  T sum = 0;
  for (const T lane : lanes) sum += lane;
  return sum;
}

// Gives the greatest of x[0 .. count), count ≥ 1.
template <class T>
[[gnu::always_inline]] inline T GreatestOf(const T* x, int64_t count) {
  T lanes[kLanes];
  for (T& lane : lanes) lane = x[0];
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] = x[i + l] > lanes[l] ? x[i + l] : lanes[l];
  }
  T greatest = lanes[0];
  for (const T lane : lanes) greatest = lane > greatest ? lane : greatest;
  for (; i < count; ++i) greatest = x[i] > greatest ? x[i] : greatest;
  return greatest;
}

}  // namespace descent

#endif  // DESCENT_CORE_PLAN_REDUCE_H_
