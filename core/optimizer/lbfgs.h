// L-BFGS, the limited-memory BFGS method, learns the curvature from its last steps.
#ifndef DESCENT_CORE_OPTIMIZER_LBFGS_H_
#define DESCENT_CORE_OPTIMIZER_LBFGS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/fields/fields.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/line_search.h"
#include "core/optimizer/optimizer.h"
#include "core/optimizer/searched.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "core/space/space.h"

namespace descent {

template <InnerProductSpace X>
class LbfgsMethod;

// x ← x + a·d, where d = −H·g comes from the last `history` pairs of steps and changes of the
// gradient (Nocedal & Wright 2006, algorithms 7.4 and 7.5, with the initial scaling of equation
// 7.20) and a from a line search. The search first tries step_size; in the very first step, and
// after a failed one, step_size·min(1, 1/|g|). A pair without positive curvature is left out. Each
// pair is of one batch; still, this is a method for whole gradients. Where the search finds nothing
// better, the solution stays and the history is forgotten. The method takes 2·history + 5 times the
// parameters' memory. It reports step_length (a) and line_search_evaluations of the last step.
struct Lbfgs {
  static constexpr std::string_view kind = "lbfgs";

  Sequence step_size = 1.0;  // each ≥ 0
  int64_t history = 10;      // from 1 to 1000
  LineSearch line_search = HagerZhang{};

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(Range{.field = "history", .min = 1, .max = 1000}, history);
    fields(Named("line_search"), line_search);
  }

  DESCENT_OPTIMIZER(LbfgsMethod)
};

template <InnerProductSpace X>
class LbfgsMethod final : public SearchedMethod<X> {
 public:
  LbfgsMethod(const Lbfgs& options, const X& x0)
      : SearchedMethod<X>(options, x0), direction_(zeros_like(x0)) {
    for (int64_t i = 0; i < options.history; ++i) {
      pairs_.push_back({zeros_like(x0), zeros_like(x0)});
    }
    weights_.resize(pairs_.size());
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->StepBy([&] { Move(gradient, evaluator); });
  }

  void Visit(StateVisitor<X>& visitor) override {
    this->VisitSearched(visitor);
    visitor.Integer("pairs", count_);
    visitor.Integer("newest", newest_);
    for (size_t i = 0; i < pairs_.size(); ++i) {
      visitor.Space(absl::StrCat("step", i), pairs_[i].step);
      visitor.Space(absl::StrCat("change", i), pairs_[i].change);
      visitor.Number(absl::StrCat("curvature", i), pairs_[i].curvature);
    }
  }

 private:
  // A pair is s = x_{k+1} − x_k, y = ∇f(x_{k+1}) − ∇f(x_k), and s'y.
  struct Pair {
    X step, change;
    double curvature = 0;
  };

  void Move(const X& gradient, Evaluator<X>& evaluator) {
    double slope = Direction(gradient);
    int64_t pairs = count_;
    if (pairs > 0 && !(slope < 0)) {  // by rounding only
      pairs = 0;
      assign(gradient, direction_);
      scale(-1, direction_);
      slope = -dot(gradient, gradient);
    }
    double trial = this->used_step_size();
    if (pairs == 0) trial *= std::min(1.0, 1 / norm(gradient));
    const Sample found = this->Search(direction_, evaluator.value(), slope, trial, 0, evaluator);
    count_ = pairs;
    if (found.step > 0) {
      Remember(gradient, found, slope);
      this->Accept(found);
    } else {
      if (trial > 0) count_ = 0;
      this->Stay(/*steepest=*/pairs == 0);
    }
  }

  // Computes algorithm 7.4 into direction_, and gives the slope along it.
  double Direction(const X& gradient) {
    assign(gradient, direction_);
    scale(-1, direction_);
    for (int64_t i = 0; i < count_; ++i) {
      const Pair& pair = Back(i);
      const double weight = dot(pair.step, direction_) / pair.curvature;
      weights_[static_cast<size_t>(i)] = weight;
      axpy(-weight, pair.change, direction_);
    }
    if (count_ > 0) {
      const Pair& last = Back(0);
      scale(last.curvature / dot(last.change, last.change), direction_);
    }
    for (int64_t i = count_; i-- > 0;) {
      const Pair& pair = Back(i);
      const double weight = dot(pair.change, direction_) / pair.curvature;
      axpy(weights_[static_cast<size_t>(i)] - weight, pair.step, direction_);
    }
    return dot(gradient, direction_);
  }

  void Remember(const X& gradient, const Sample& found, double slope) {
    // Compares s'y with the least that rounding leaves of it, as L-BFGS-B does.
    const double bend = found.slope - slope;
    if (!(bend > -std::numeric_limits<double>::epsilon() * slope)) return;
    const auto history = static_cast<int64_t>(pairs_.size());
    newest_ = (newest_ + 1) % history;
    count_ = std::min(count_ + 1, history);
    Pair& pair = pairs_[static_cast<size_t>(newest_)];
    assign(direction_, pair.step);
    scale(found.step, pair.step);
    assign(this->found_gradient(), pair.change);
    axpy(-1, gradient, pair.change);
    pair.curvature = found.step * bend;
  }

  // Gives the i-th newest pair.
  const Pair& Back(int64_t i) const {
    const auto history = static_cast<int64_t>(pairs_.size());
    return pairs_[static_cast<size_t>((newest_ - i + history) % history)];
  }

  std::vector<Pair> pairs_;
  int64_t count_ = 0;
  int64_t newest_ = 0;
  X direction_;
  std::vector<double> weights_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_LBFGS_H_
