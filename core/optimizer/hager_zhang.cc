#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/optimizer/line_search.h"

namespace descent {

absl::Status HagerZhang::Check() const {
  if (curvature < sufficient_decrease) {
    return absl::InvalidArgumentError(absl::StrCat("curvature: it is ", curvature,
                                                   ", below sufficient_decrease, which is ",
                                                   sufficient_decrease));
  }
  return absl::OkStatus();
}

namespace {

// At a the slope is negative and the value not above the limit, at b the slope is not negative:
// between them is a minimum.
struct Interval {
  Sample a, b;
  double width() const { return b.step - a.step; }
};

double Secant(const Sample& a, const Sample& b) {
  return (a.step * b.slope - b.step * a.slope) / (b.slope - a.slope);
}

// The names of its functions and comments are the paper's. Whatever meets the conditions ends the
// search as soon as it is evaluated: `Evaluate` gives false then, and when there are no evaluations
// left.
class HagerZhangSearch {
 public:
  HagerZhangSearch(const HagerZhang& options, LineFunction phi, const Sample& start)
      : options_(options),
        line_(phi, start, options.max_evaluations),
        start_(start),
        limit_(start.value + options.epsilon * std::abs(start.value)) {}

  Sample Run(double trial) {
    Go(trial);
    return found_ ? *found_ : line_.best();
  }

 private:
  // These are the paper's steps L0 to L3.
  void Go(double trial) {
    Interval interval;
    if (!Bracket(trial, &interval)) return;
    while (true) {
      const double width = interval.width();
      if (!Secant2(&interval)) return;
      if (interval.width() > options_.gamma * width) {
        if (!Update(interval.a.step + interval.width() / 2, &interval)) return;
      }
      // Nothing lies between the ends any more.
      const double middle = interval.a.step + interval.width() / 2;
      if (!(interval.a.step < middle && middle < interval.b.step)) return;
    }
  }

  bool Evaluate(double step, Sample* sample) {
    if (line_.exhausted()) return false;
    *sample = line_.At(step);
    if (!Satisfies(*sample)) return true;
    found_ = *sample;
    return false;
  }

  // Tests the conditions T1 or T2.
  bool Satisfies(const Sample& s) const {
    if (!s.finite() || s.slope < options_.curvature * start_.slope) return false;
    return s.value - start_.value <= options_.sufficient_decrease * s.step * start_.slope ||
           (s.value <= limit_ && s.slope <= (2 * options_.sufficient_decrease - 1) * start_.slope);
  }

  // These are the paper's steps B0 to B3. A step where the function is not finite is too far.
  bool Bracket(double trial, Interval* interval) {
    Sample c, last = start_;
    double too_far = std::numeric_limits<double>::infinity(), step = trial;
    while (true) {
      if (!Evaluate(step, &c)) return false;
      if (!c.finite()) {
        too_far = step;
        step = last.step + 0.1 * (step - last.step);
        continue;
      }
      if (c.slope >= 0) {
        *interval = {last, c};
        return true;
      }
      if (c.value > limit_) return Split(start_, c, interval);
      last = c;
      step = std::min(options_.rho * c.step, (c.step + too_far) / 2);
    }
  }

  // This is the paper's step U3: it looks between a, and b with slope < 0 and a value above the
  // limit.
  bool Split(Sample a, Sample b, Interval* interval) {
    while (true) {
      Sample d;
      if (!Evaluate((1 - options_.theta) * a.step + options_.theta * b.step, &d)) return false;
      if (d.finite() && d.slope >= 0) {
        *interval = {a, d};
        return true;
      }
      (d.finite() && d.value <= limit_ ? a : b) = d;
    }
  }

  // These are the paper's steps U0 to U3.
  bool Update(double step, Interval* interval) {
    if (!(interval->a.step < step && step < interval->b.step)) return true;
    Sample c;
    if (!Evaluate(step, &c)) return false;
    if (c.finite() && c.slope >= 0) {
      interval->b = c;
    } else if (c.finite() && c.value <= limit_) {
      interval->a = c;
    } else {
      return Split(interval->a, c, interval);
    }
    return true;
  }

  // These are the paper's steps S1 to S4.
  bool Secant2(Interval* interval) {
    const Interval old = *interval;
    const double c = Secant(old.a, old.b);
    if (!Update(c, interval)) return false;
    if (interval->b.step == c) return Update(Secant(old.b, interval->b), interval);
    if (interval->a.step == c) return Update(Secant(old.a, interval->a), interval);
    return true;
  }

  const HagerZhang& options_;
  internal::Limited line_;
  const Sample start_;
  const double limit_;
  std::optional<Sample> found_;
};

}  // namespace

Sample HagerZhang::Search(LineFunction phi, const Sample& start, double trial) const {
  return HagerZhangSearch(*this, phi, start).Run(trial);
}

}  // namespace descent
