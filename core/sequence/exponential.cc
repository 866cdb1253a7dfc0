#include "core/sequence/exponential.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/range.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

void Exponential::Describe(FieldList& fields) {
  fields(Named("initial"), initial).Role(kYielded).Required();
  fields(Positive("rate"), rate).Required();
  fields(Whole("iterations", 1), iterations);
  fields(Whole("begin", 0), begin);
  fields(Flag("staircase"), staircase);
  fields(Named("final"), final).Role(kYielded);
  fields.Together([this] { return Check(); });
}

absl::Status Exponential::Check() const {
  const bool away = final && (rate < 1 ? *final > initial : rate > 1 && *final < initial);
  if (!away || initial <= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("final: a rate of ", rate, " leads away from ", *final));
}

Sequence Exponential::Make() const {
  std::optional<Sequence::Bounds> bounds;
  if (rate <= 1) {
    bounds = BoundsOf(std::vector{initial, final.value_or(0)});
  } else if (final) {
    bounds = BoundsOf(std::vector{initial, *final});
  }
  return Sequence(
      [*this](int64_t k) {
        if (k <= begin) return initial;
        double exponent = static_cast<double>(k - begin) / static_cast<double>(iterations);
        if (staircase) exponent = std::floor(exponent);
        const double value = initial * std::pow(rate, exponent);
        if (!final) return value;
        return rate < 1 ? std::max(value, *final) : std::min(value, *final);
      },
      bounds);
}

void InverseSquareRoot::Describe(FieldList& fields) {
  fields(Named("initial"), initial).Role(kYielded).Required();
  fields(Whole("timescale", 1), timescale);
}

Sequence InverseSquareRoot::Make() const {
  return Sequence(
      [initial = initial, timescale = static_cast<double>(timescale)](int64_t k) {
        return initial / std::sqrt(1 + static_cast<double>(k) / timescale);
      },
      BoundsOf(std::vector{initial, 0.0}));
}

}  // namespace descent
