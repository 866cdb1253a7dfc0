// Finds numbers that a run's type holds too coarsely to tell them apart: timestamps in float32,
// say. A free function; any thread.
#ifndef DESCENT_CORE_DATA_ROUNDING_H_
#define DESCENT_CORE_DATA_ROUNDING_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace descent {

// A feature that the type holds too coarsely.
struct CoarseFeature {
  int64_t feature;
  int64_t steps;  // how many steps of the type lie between the least number and the greatest
};

// Gives the first feature of values [n, …], of any real type, whose numbers vary, but by fewer than
// 1024 steps of `dtype` (kFloat or kDouble); nothing if there is none. NaN counts for nothing.
std::optional<CoarseFeature> FindCoarse(const at::Tensor& values, at::ScalarType dtype);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_ROUNDING_H_
