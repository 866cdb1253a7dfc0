#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/optimizer/line_search.h"

namespace descent {
namespace {

using internal::CubicMinimizer;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class StrongWolfeSearch {
 public:
  StrongWolfeSearch(const StrongWolfe& options, LineFunction phi, const Sample& start)
      : options_(options), line_(phi, start, options.max_evaluations), start_(start) {}

  // Algorithm 3.5 looks for an interval that holds a step which meets the conditions.
  Sample Bracket(double step) {
    Sample previous = start_;
    double too_far = kInfinity;  // where values are not finite
    while (!line_.exhausted()) {
      const Sample sample = line_.At(step);
      if (!sample.finite()) {
        too_far = step;
        step = (previous.step + step) / 2;
        continue;
      }
      if (!Decreases(sample) || (previous.step > 0 && sample.value >= previous.value)) {
        return Zoom(previous, sample);
      }
      if (IsFlat(sample)) return sample;
      if (sample.slope >= 0) return Zoom(sample, previous);
      const double least = 2 * sample.step - previous.step, greatest = 10 * sample.step;
      const double wanted = CubicMinimizer(previous, sample);
      step = std::isfinite(wanted) ? std::clamp(wanted, least, greatest) : greatest;
      step = std::min(step, (sample.step + too_far) / 2);
      previous = sample;
    }
    return line_.best();
  }

 private:
  bool Decreases(const Sample& sample) const {
    return sample.value <= start_.value + options_.sufficient_decrease * sample.step * start_.slope;
  }
  bool IsFlat(const Sample& sample) const {
    return std::abs(sample.slope) <= -options_.curvature * start_.slope;
  }

  // In algorithm 3.6, low has the least value of those that decrease, and its slope points to high.
  Sample Zoom(Sample low, Sample high) {
    double before_last = kInfinity, last = kInfinity;  // widths of the interval
    while (!line_.exhausted()) {
      const double left = std::min(low.step, high.step), right = std::max(low.step, high.step);
      const double width = right - left;
      if (!(left < left + width / 2 && left + width / 2 < right)) break;
      double step = CubicMinimizer(low, high);
      // The step is not too near to the ends, and halves the interval if that does not become
      // shorter otherwise.
      const double margin = 0.1 * width;
      if (!std::isfinite(step) || width > 0.66 * before_last) step = left + width / 2;
      step = std::clamp(step, left + margin, right - margin);
      before_last = last;
      last = width;
      const Sample sample = line_.At(step);
      if (!sample.finite() || !Decreases(sample) || sample.value >= low.value) {
        high = sample.finite() ? sample : Sample{step, kInfinity, kInfinity};
        continue;
      }
      if (IsFlat(sample)) return sample;
      if (sample.slope * (high.step - low.step) >= 0) high = low;
      low = sample;
    }
    return line_.best();
  }

  const StrongWolfe& options_;
  internal::Limited line_;
  const Sample start_;
};

}  // namespace

absl::Status StrongWolfe::Check() const {
  if (curvature > sufficient_decrease) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("curvature: it is ", curvature,
                   "; give a number above sufficient_decrease, which is ", sufficient_decrease));
}

Sample StrongWolfe::Search(LineFunction phi, const Sample& start, double trial) const {
  return StrongWolfeSearch(*this, phi, start).Bracket(trial);
}

}  // namespace descent
