// The mean absolute error is the loss of numbers whose outliers should not dominate.
#ifndef DESCENT_CORE_OBJECTIVE_MEAN_ABSOLUTE_ERROR_H_
#define DESCENT_CORE_OBJECTIVE_MEAN_ABSOLUTE_ERROR_H_

#include <string_view>

#include "core/fields/fields.h"
#include "core/objective/loss.h"

namespace descent {

// mean(|prediction − target|) over batch and outputs; both have the same shape and dtype. The
// derivative of |0| is 0 (torch.nn.L1Loss).
struct MeanAbsoluteError {
  static constexpr std::string_view kind = "mean_absolute_error";
  void Describe(FieldList&) {}

  Loss Make() const;
  operator Loss() const { return MakeLoss(*this); }  // NOLINT(google-explicit-constructor)
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_MEAN_ABSOLUTE_ERROR_H_
