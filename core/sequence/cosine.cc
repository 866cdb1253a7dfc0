#include "core/sequence/cosine.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <stdexcept>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

absl::Status Cosine::Validate() const {
  if (absl::Status status = Range{.field = "initial"}.Check(initial); !status.ok()) return status;
  if (absl::Status status = Range{.field = "final"}.Check(final); !status.ok()) return status;
  if (iterations < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("iterations: ", iterations, " is too small; give a number ≥ 1"));
  }
  return absl::OkStatus();
}

Cosine::operator Sequence() const {
  if (absl::Status status = Validate(); !status.ok()) {
    throw std::invalid_argument(absl::StrCat("cosine: ", status.message()));
  }
  return Sequence(
      [initial = initial, final = final, iterations = iterations](int64_t k) {
        const double done = static_cast<double>(std::clamp<int64_t>(k, 0, iterations)) /
                            static_cast<double>(iterations);
        return final + (initial - final) * (1 + std::cos(std::numbers::pi * done)) / 2;
      },
      Sequence::Bounds{std::min(initial, final), std::max(initial, final)});
}

Sequence cosine(double initial, int64_t iterations, double final) {
  return Cosine{.initial = initial, .final = final, .iterations = iterations};
}

}  // namespace descent
