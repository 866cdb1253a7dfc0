// A `Ray` goes from a point along a direction: it is what a line search needs of a space.
#ifndef DESCENT_CORE_OPTIMIZER_RAY_H_
#define DESCENT_CORE_OPTIMIZER_RAY_H_

#include <cmath>
#include <cstdint>

#include "core/optimizer/line_search.h"
#include "core/optimizer/method.h"
#include "core/space/space.h"

namespace descent {

// It owns a point and a gradient, which are those of the accepted step after a search. Movable. Not
// thread-safe.
template <InnerProductSpace X>
class Ray {
 public:
  explicit Ray(const X& like) : point_(zeros_like(like)), gradient_(zeros_like(like)) {}

  // Searches along x + a·direction, from value and slope at a = 0. A step of 0 says that there is
  // nothing better to be found (also if the slope is not negative, or the trial 0); point and
  // gradient mean nothing then. A probe > 0 is evaluated first: where the slopes at 0 and there say
  // that a minimum is ahead, it is tried in place of the trial. Throws what the evaluator throws.
  Sample Search(const LineSearch& search, const X& x, const X& direction, double value,
                double slope, double trial, double probe, Evaluator<X>& evaluator) {
    evaluations_ = 0;
    const Sample start{0, value, slope};
    if (!(slope < 0) || !start.finite() || !(trial > 0)) return start;
    const auto phi = [&](double step) {
      ++evaluations_;
      assign(x, point_);
      axpy(step, direction, point_);
      last_ = {step, evaluator.Evaluate(point_, gradient_), 0};
      last_.slope = dot(gradient_, direction);
      return last_;
    };
    last_ = start;
    if (probe > 0) {
      const double least = slope * probe / (slope - phi(probe).slope);
      if (least > 0 && std::isfinite(least)) trial = least;
    }
    const Sample accepted = search.Search(phi, start, trial);
    if (accepted.step > 0 && accepted.step != last_.step) return phi(accepted.step);
    return accepted;
  }

  X& point() { return point_; }
  X& gradient() { return gradient_; }
  // How often the last search has evaluated.
  int64_t evaluations() const { return evaluations_; }

 private:
  X point_;
  X gradient_;
  Sample last_;
  int64_t evaluations_ = 0;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_RAY_H_
