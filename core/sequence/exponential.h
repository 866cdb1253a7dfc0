// These schedules decay by a constant factor, or by the inverse square root.
#ifndef DESCENT_CORE_SEQUENCE_EXPONENTIAL_H_
#define DESCENT_CORE_SEQUENCE_EXPONENTIAL_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

// initial·rate^(max(k − begin, 0)/iterations), not beyond `final` (optax exponential_decay). With
// iterations = 1 it is torch ExponentialLR; with `staircase`, where the exponent is rounded down,
// StepLR.
struct Exponential {
  static constexpr const char* kind = "exponential";
  double initial = 0;
  double rate = 0;         // > 0
  int64_t iterations = 1;  // in so many it decays by the rate
  int64_t begin = 0;
  bool staircase = false;
  std::optional<double> final = {};

  void Describe(FieldList& fields);
  Sequence Make() const;
  absl::Status Check() const;
};

// initial/√(1 + k/timescale)  (Vaswani et al. 2017, equation 3, after its warm-up; transformers'
// get_inverse_sqrt_schedule). `timescale` is usually the length of the warm-up before.
struct InverseSquareRoot {
  static constexpr const char* kind = "inverse_square_root";
  double initial = 0;
  int64_t timescale = 10'000;

  void Describe(FieldList& fields);
  Sequence Make() const;
};

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_EXPONENTIAL_H_
