#include "core/sequence/cycles.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#include "core/sequence/range.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {
namespace {

double Between(double from, double to, double done, bool linear) {
  return linear ? from + (to - from) * done
                : to + (from - to) * (1 + std::cos(std::numbers::pi * done)) / 2;
}

Range Fraction(const char* name) { return {.field = name, .min = 0, .max = 1}; }

}  // namespace

void OneCycle::Describe(FieldList& fields) {
  fields(Named("max"), max).Role(kYielded).Required();
  fields(Whole("iterations", 1), iterations).Role(kRunLength);
  fields(Fraction("pct_start"), pct_start);
  fields(Positive("div_factor"), div_factor);
  fields(Positive("final_div_factor"), final_div_factor);
  fields(Flag("linear"), linear);
  fields(Flag("three_phase"), three_phase);
}

Sequence OneCycle::Make() const {
  struct Phase {
    double end, from, to;
  };
  const double initial = max / div_factor, last = initial / final_div_factor;
  const auto total = static_cast<double>(iterations);
  std::vector<Phase> phases = {{pct_start * total - 1, initial, max}};
  if (three_phase) {
    phases.push_back({2 * pct_start * total - 2, max, initial});
    phases.push_back({total - 1, initial, last});
  } else {
    phases.push_back({total - 1, max, last});
  }
  return Sequence(
      [phases, last, linear = linear](int64_t k) {
        const auto position = static_cast<double>(k);
        double start = 0;
        for (const Phase& phase : phases) {
          if (position <= phase.end) {
            const double length = phase.end - start;
            const double done = length > 0 ? (position - start) / length : 1;
            return Between(phase.from, phase.to, done, linear);
          }
          start = phase.end;
        }
        return last;
      },
      BoundsOf(std::vector{initial, max, last}));
}

void WarmRestarts::Describe(FieldList& fields) {
  fields(Named("initial"), initial).Role(kYielded).Required();
  fields(Named("final"), final).Role(kYielded);
  fields(Whole("iterations", 1), iterations).Role(kRunLength);
  fields(Whole("factor", 1), factor);
}

Sequence WarmRestarts::Make() const {
  return Sequence(
      [*this](int64_t k) {
        int64_t length = iterations;
        if (factor == 1) {
          k %= length;
        } else {
          // There are at most 62 restarts: the lengths double at least.
          while (k >= length) {
            k -= length;
            if (__builtin_mul_overflow(length, factor, &length))
              return Between(initial, final, 0, false);
          }
        }
        return Between(initial, final, static_cast<double>(k) / static_cast<double>(length), false);
      },
      BoundsOf(std::vector{initial, final}));
}

}  // namespace descent
