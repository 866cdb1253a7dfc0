#include "core/sequence/polynomial.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/sequence/range.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

void Polynomial::Declare(ScheduleVisitor& visit) {
  visit.Value("initial", initial, Need::kRequired);
  visit.Value("final", final, Need::kDefault);
  visit.Number(NonNegative("power"), power, Need::kDefault);
  visit.Length("iterations", iterations);
  visit.Count("begin", begin, 0);
}

Sequence Polynomial::Make() const {
  return Sequence(
      [initial = initial, final = final, power = power, iterations = iterations,
       begin = begin](int64_t k) {
        const double left = 1 - static_cast<double>(std::clamp<int64_t>(k - begin, 0, iterations)) /
                                    static_cast<double>(iterations);
        return final + (initial - final) * (power == 1 ? left : std::pow(left, power));
      },
      BoundsOf(std::vector{initial, final}));
}

void LinearSequence::Declare(ScheduleVisitor& visit) {
  visit.Value("initial", initial, Need::kRequired);
  visit.Value("final", final, Need::kDefault);
  visit.Length("iterations", iterations);
  visit.Count("begin", begin, 0);
}

Sequence LinearSequence::Make() const {
  return Polynomial{.initial = initial, .final = final, .iterations = iterations, .begin = begin}
      .Make();
}

}  // namespace descent
