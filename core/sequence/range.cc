#include "core/sequence/range.h"

#include <cmath>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace descent {

absl::Status Range::Check(double value) const {
  const auto refuse = [&](const char* problem) {
    std::string accepted;
    if (std::isinf(min) && std::isinf(max)) {
      accepted = "a finite number";
    } else if (std::isinf(min)) {
      accepted = absl::StrCat("a finite number ", max_included ? "≤ " : "< ", max);
    } else if (std::isinf(max)) {
      accepted = absl::StrCat("a finite number ", min_included ? "≥ " : "> ", min);
    } else if (min == max) {
      accepted = absl::StrCat(min);
    } else {
      accepted = absl::StrCat("a number in ", min_included ? "[" : "(", min, ", ", max,
                              max_included ? "]" : ")");
    }
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": ", value, " is ", problem, "; give ", accepted,
                     because.empty() ? "" : absl::StrCat(": ", because)));
  };
  if (std::isnan(value)) return refuse("not a number");
  if (std::isinf(value)) return refuse("infinite");
  if (value < min) return refuse(min == 0 ? "negative" : "too small");
  if (value == min && !min_included) return refuse(min == 0 ? "not positive" : "too small");
  if (value > max || (value == max && !max_included)) return refuse("too large");
  return absl::OkStatus();
}

Range InBoth(const Range& range, const Range& narrower) {
  Range both = range;
  const bool min = narrower.min > range.min ||
                   (narrower.min == range.min && range.min_included && !narrower.min_included);
  const bool max = narrower.max < range.max ||
                   (narrower.max == range.max && range.max_included && !narrower.max_included);
  if (min) {
    both.min = narrower.min;
    both.min_included = narrower.min_included;
  }
  if (max) {
    both.max = narrower.max;
    both.max_included = narrower.max_included;
  }
  if (min || max) both.because = narrower.because;
  return both;
}

Range InBoth(const Range& range, const Range& narrower, double refused) {
  Range both = InBoth(range, narrower);
  const bool narrowed = refused <= both.min
                            ? both.min != range.min || both.min_included != range.min_included
                            : both.max != range.max || both.max_included != range.max_included;
  if (!narrowed) both.because = range.because;
  return both;
}

Range NonNegative(std::string field) {
  Range range{.field = std::move(field)};
  range.min = 0;
  return range;
}

Range NonPositive(std::string field) {
  Range range{.field = std::move(field)};
  range.max = 0;
  return range;
}

Range UnitInterval(std::string field) {
  Range range = NonNegative(std::move(field));
  range.max = 1;
  range.max_included = false;
  return range;
}

Range OpenUnitInterval(std::string field) {
  Range range = UnitInterval(std::move(field));
  range.min_included = false;
  return range;
}

Range UpToOne(std::string field) {
  Range range = UnitInterval(std::move(field));
  range.max_included = true;
  return range;
}

Range Positive(std::string field) {
  Range range = NonNegative(std::move(field));
  range.min_included = false;
  return range;
}

Range AtLeastOne(std::string field) {
  Range range{.field = std::move(field)};
  range.min = 1;
  return range;
}

Range Flag(std::string field) { return UpToOne(std::move(field)); }

}  // namespace descent
