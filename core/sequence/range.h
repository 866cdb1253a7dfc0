// A `Range` says which numbers a field accepts, and has the sentence that refuses others. Values;
// any thread.
#ifndef DESCENT_CORE_SEQUENCE_RANGE_H_
#define DESCENT_CORE_SEQUENCE_RANGE_H_

#include <limits>
#include <string>

#include "absl/status/status.h"

namespace descent {

// The numbers min ≤ value ≤ max, or without the one or the other end; always finite.
struct Range {
  // Whom errors name, such as `step_size`.
  std::string field = "value";
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool max_included = true;
  bool min_included = true;
  // Why other numbers are refused, where the field alone does not tell: "Nesterov's form has none".
  std::string because = {};

  // Gives INVALID_ARGUMENT `<field>: -1 is negative; give a number ≥ 0`.
  absl::Status Check(double value) const;
};

// Gives the numbers that both accept, under the first one's name. The reason is that of the second,
// if it takes any away.
Range InBoth(const Range& range, const Range& narrower);

// Gives the same for the refusal of a number: with the second's reason only if the number is past
// an end that the second has narrowed.
Range InBoth(const Range& range, const Range& narrower, double refused);

// [0, ∞): schedules end and warm-ups start at 0, so 0 is allowed.
Range NonNegative(std::string field);

// (−∞, 0].
Range NonPositive(std::string field);

// [0, 1): momentum and the decay rates of averages.
Range UnitInterval(std::string field);

// (0, 1).
Range OpenUnitInterval(std::string field);

// [0, 1].
Range UpToOne(std::string field);

// (0, ∞).
Range Positive(std::string field);

// [1, ∞).
Range AtLeastOne(std::string field);

// The range of a field that is true or false has its name alone.
Range Flag(std::string field);

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_RANGE_H_
