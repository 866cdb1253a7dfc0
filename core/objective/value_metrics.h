// Metrics of predictions that are numbers, and perplexity.
#ifndef DESCENT_CORE_OBJECTIVE_VALUE_METRICS_H_
#define DESCENT_CORE_OBJECTIVE_VALUE_METRICS_H_

#include <string_view>

#include "core/fields/fields.h"
#include "core/objective/metric.h"

namespace descent {

// 1 − Σ(target − prediction)²/Σ(target − mean target)², where the sums are over all examples and
// outputs, and each output has a mean of its own. If all targets are the same it is −∞, or NaN if
// they were met.
struct RSquared {
  static constexpr std::string_view kind = "r_squared";
  void Describe(FieldList&) {}
  Metric Make() const;
};

// mean(|prediction − target|) over examples and outputs.
struct AbsoluteError {
  static constexpr std::string_view kind = "absolute_error";
  void Describe(FieldList&) {}
  Metric Make() const;
};

// exp(loss), for losses that are the mean of −log p.
struct Perplexity {
  static constexpr std::string_view kind = "perplexity";
  void Describe(FieldList&) {}
  Metric Make() const;
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_VALUE_METRICS_H_
