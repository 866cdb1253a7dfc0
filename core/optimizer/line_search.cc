#include "core/optimizer/line_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/fields/fields.h"

namespace descent {

namespace {

template <class... S>
std::optional<LineSearch> OneOf(std::string_view kind) {
  std::optional<LineSearch> made;
  ((S::kind == kind ? void(made = S{}) : void()), ...);
  return made;
}

}  // namespace

std::optional<LineSearch> MakeLineSearch(std::string_view kind) {
  return OneOf<FixedStep, Backtracking, StrongWolfe, HagerZhang>(kind);
}

absl::Status LineSearch::Validate() const {
  const absl::Status status = search_->Validate();
  if (status.ok()) return status;
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(kind()), ".", std::string(status.message())));
}

absl::Status CheckField(const Range& range, const LineSearch& search) {
  const absl::Status status = search.Validate();
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat(range.field, ".", std::string(status.message())));
}

namespace internal {

double CubicMinimizer(const Sample& a, const Sample& b) {
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return std::numeric_limits<double>::quiet_NaN();
  const double d2 = std::copysign(std::sqrt(square), b.step - a.step);
  return b.step - (b.step - a.step) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
}

Sample Limited::At(double step) {
  --left_;
  const Sample sample = phi_(step);
  // A sample that is as low and flatter is better, too: near a minimum values can't be told apart
  // any more.
  if (sample.finite() &&
      (sample.value < best_.value ||
       (sample.value == best_.value && std::abs(sample.slope) < std::abs(best_.slope)))) {
    best_ = sample;
  }
  return sample;
}

}  // namespace internal

Sample Backtracking::Search(LineFunction phi, const Sample& start, double trial) const {
  internal::Limited line(phi, start, max_evaluations);
  Sample previous;
  bool has_previous = false;
  for (double step = trial;;) {
    const Sample sample = line.At(step);
    const double decrease = sufficient_decrease * step * start.slope;
    if (sample.finite() && sample.value <= start.value + decrease) return sample;
    if (line.exhausted()) return line.best();
    double next = std::numeric_limits<double>::quiet_NaN();
    if (sample.finite()) {
      const double rise = sample.value - start.value - start.slope * step;
      next = -start.slope * step * step / (2 * rise);
      if (has_previous) {
        const double r0 = (previous.value - start.value - start.slope * previous.step) /
                          (previous.step * previous.step);
        const double r1 = rise / (step * step), width = step - previous.step;
        const double a = (r1 - r0) / width;
        const double b = (previous.step * -r1 + step * r0) / width;
        const double square = b * b - 3 * a * start.slope;
        if (a != 0 && square >= 0) next = (-b + std::sqrt(square)) / (3 * a);
      }
    }
    if (!std::isfinite(next)) next = contraction * step;
    has_previous = sample.finite();
    previous = sample;
    const double greatest = contraction * step;
    step = std::clamp(next, std::min(0.1 * step, greatest), greatest);
  }
}

}  // namespace descent
