// These schedules have numbers at given positions: held, interpolated, or listed one by one.
#ifndef DESCENT_CORE_SEQUENCE_PIECEWISE_H_
#define DESCENT_CORE_SEQUENCE_PIECEWISE_H_

#include <cstdint>
#include <vector>

#include "core/fields/fields.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

// Gives values[0] before boundaries[0], values[i] from boundaries[i − 1] on (optax
// piecewise_constant_schedule with the values instead of their ratios; torch MultiStepLR).
struct PiecewiseConstant {
  static constexpr const char* kind = "piecewise_constant";
  std::vector<double> values = {};
  std::vector<int64_t> boundaries = {};  // one fewer than values, increasing, ≥ 1

  void Describe(FieldList& fields);
  Sequence Make() const;
};

// Gives values[0] at 0, values[i] at boundaries[i − 1], goes along straight lines (or half cosines)
// between them, and keeps the last one for ever (optax piecewise_interpolate_schedule).
struct PiecewiseInterpolate {
  static constexpr const char* kind = "piecewise_interpolate";
  std::vector<double> values = {};
  std::vector<int64_t> boundaries = {};  // one fewer than values, increasing, ≥ 1
  bool cosine = false;

  void Describe(FieldList& fields);
  Sequence Make() const;
};

// Gives the numbers one after the other, and the last one for ever.
struct ValueList {
  static constexpr const char* kind = "list";
  std::vector<double> values = {};

  void Describe(FieldList& fields) { fields(Named("values"), values).Role(kYielded).Required(); }
  Sequence Make() const;
};

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_PIECEWISE_H_
