// The Huber loss is quadratic for small errors and linear for large ones, so that outliers pull
// less.
#ifndef DESCENT_CORE_OBJECTIVE_HUBER_H_
#define DESCENT_CORE_OBJECTIVE_HUBER_H_

#include <string_view>

#include "core/fields/fields.h"
#include "core/objective/loss.h"
#include "core/sequence/range.h"

namespace descent {

// The mean over batch and outputs of ½d² where d = |prediction − target| ≤ delta, and of delta·(d −
// ½delta) beyond (Huber 1964; torch.nn.HuberLoss). Predictions and targets have the same shape and
// dtype.
struct Huber {
  static constexpr std::string_view kind = "huber";
  double delta = 1;
  void Describe(FieldList& fields) { fields(Positive("delta"), delta); }

  Loss Make() const;
  operator Loss() const { return MakeLoss(*this); }  // NOLINT(google-explicit-constructor)
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_HUBER_H_
