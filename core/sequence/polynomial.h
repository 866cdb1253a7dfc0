// The polynomial schedule follows a power of the way that is left, from an initial to a final
// number; the first power is a straight line.
#ifndef DESCENT_CORE_SEQUENCE_POLYNOMIAL_H_
#define DESCENT_CORE_SEQUENCE_POLYNOMIAL_H_

#include <cstddef>
#include <cstdint>

#include "core/fields/fields.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

// final + (initial − final)·(1 − clamp(k − begin, 0, iterations)/iterations)^power  (optax
// polynomial_schedule; with final = 0 and begin = 0, torch PolynomialLR).
struct Polynomial {
  static constexpr const char* kind = "polynomial";
  double initial = 0;
  double final = 0;
  double power = 1;  // > 0
  int64_t iterations = 0;
  int64_t begin = 0;  // the initial number holds until here

  void Describe(FieldList& fields);
  Sequence Make() const;
};

// The same with power 1: a straight line (optax linear_schedule; torch LinearLR).
struct LinearSequence {
  static constexpr const char* kind = "linear";
  double initial = 0;
  double final = 0;
  int64_t iterations = 0;
  int64_t begin = 0;

  void Describe(FieldList& fields);
  Sequence Make() const;
};

template <>
struct Lengths<Polynomial> {
  static int64_t Own(const Polynomial& schedule, int64_t length) { return length - schedule.begin; }
  static int64_t Inner(const Polynomial&, size_t, int64_t length) { return length; }
};

template <>
struct Lengths<LinearSequence> {
  static int64_t Own(const LinearSequence& schedule, int64_t length) {
    return length - schedule.begin;
  }
  static int64_t Inner(const LinearSequence&, size_t, int64_t length) { return length; }
};

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_POLYNOMIAL_H_
