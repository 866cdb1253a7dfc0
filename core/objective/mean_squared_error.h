// The mean squared error is the usual loss of numbers.
#ifndef DESCENT_CORE_OBJECTIVE_MEAN_SQUARED_ERROR_H_
#define DESCENT_CORE_OBJECTIVE_MEAN_SQUARED_ERROR_H_

#include <string_view>

#include "core/fields/fields.h"
#include "core/objective/loss.h"

namespace descent {

// mean((prediction − target)²) over batch and outputs; both have the same shape and dtype.
struct MeanSquaredError {
  static constexpr std::string_view kind = "mean_squared_error";
  void Describe(FieldList&) {}

  Loss Make() const;
  operator Loss() const { return MakeLoss(*this); }  // NOLINT(google-explicit-constructor)
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_MEAN_SQUARED_ERROR_H_
