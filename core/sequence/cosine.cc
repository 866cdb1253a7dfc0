#include "core/sequence/cosine.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

Sequence Cosine::Make() const {
  return Sequence(
      [initial = initial, final = final, iterations = iterations](int64_t k) {
        const double done = static_cast<double>(std::clamp<int64_t>(k, 0, iterations)) /
                            static_cast<double>(iterations);
        return final + (initial - final) * (1 + std::cos(std::numbers::pi * done)) / 2;
      },
      BoundsOf(std::vector{initial, final}));
}

Sequence cosine(double initial, int64_t iterations, double final) {
  return Cosine{.initial = initial, .final = final, .iterations = iterations};
}

}  // namespace descent
