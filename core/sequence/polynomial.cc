#include "core/sequence/polynomial.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/sequence/range.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

void Polynomial::Describe(FieldList& fields) {
  fields(Named("initial"), initial).Role(kYielded).Required();
  fields(Named("final"), final).Role(kYielded);
  fields(Positive("power"), power);
  fields(Whole("iterations", 1), iterations).Role(kRunLength);
  fields(Whole("begin", 0), begin);
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

void LinearSequence::Describe(FieldList& fields) {
  fields(Named("initial"), initial).Role(kYielded).Required();
  fields(Named("final"), final).Role(kYielded);
  fields(Whole("iterations", 1), iterations).Role(kRunLength);
  fields(Whole("begin", 0), begin);
}

Sequence LinearSequence::Make() const {
  return Polynomial{.initial = initial, .final = final, .iterations = iterations, .begin = begin}
      .Make();
}

}  // namespace descent
