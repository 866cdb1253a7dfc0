// The cosine schedule goes along half a cosine from an initial to a final number.
#ifndef DESCENT_CORE_SEQUENCE_COSINE_H_
#define DESCENT_CORE_SEQUENCE_COSINE_H_

#include <cstdint>

#include "core/fields/fields.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

// final + (initial − final)·(1 + cos(π·min(k, iterations)/iterations))/2  (optax
// cosine_decay_schedule; Loshchilov & Hutter 2017, equation 5 without restarts).
struct Cosine {
  static constexpr const char* kind = "cosine";
  double initial = 0;
  double final = 0;
  int64_t iterations = 0;

  void Describe(FieldList& fields) {
    fields(Named("initial"), initial).Role(kYielded).Required();
    fields(Named("final"), final).Role(kYielded);
    fields(Whole("iterations", 1), iterations).Role(kRunLength);
  }
  Sequence Make() const;
};

// Throws std::invalid_argument unless both numbers are finite and iterations ≥ 1.
Sequence cosine(double initial, int64_t iterations, double final = 0);

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_COSINE_H_
