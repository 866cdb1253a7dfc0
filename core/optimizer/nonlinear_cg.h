// Nonlinear conjugate gradients step along directions that don't undo the steps before.
#ifndef DESCENT_CORE_OPTIMIZER_NONLINEAR_CG_H_
#define DESCENT_CORE_OPTIMIZER_NONLINEAR_CG_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

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
class NonlinearCgMethod;

enum class CgFormula {
  // beta = (y − d·|y|²/d'y)'g / d'y, not below 0.4·d'g_before/|d|². This is Hager & Zhang 2006, "A
  // survey of nonlinear conjugate gradient methods", equation 7.1 with theta = 1, which is
  // CG_DESCENT's from version 4 on, as is the lower bound; their paper of 2005 has theta = 2.
  kHagerZhang,
  // beta = max(0, g'y/|g_before|²)  (Nocedal & Wright 2006, equation 5.45)
  kPolakRibierePlus,
};
inline constexpr std::string_view kCgFormulaNames[] = {"HAGER_ZHANG", "POLAK_RIBIERE_PLUS"};
constexpr std::span<const std::string_view> Names(CgFormula) { return kCgFormulaNames; }

// x ← x + a·d, d ← −g + beta·d with beta by the formula and a by the line search; y is the change
// of the gradient, on one batch. Still, this is a method for whole gradients.
//
// The search first tries where the slope is 0 by the secant through the slopes at 0 and at 0.1
// times the last step or, if that is nowhere ahead, 2 times the last step (Hager & Zhang 2005, I1
// and I2; their parabola through values is lost in rounding near a minimum that is not 0). At the
// very beginning it tries step_size·min(1, 1/|g|). With a fixed step the step is step_size.
//
// The direction is −g again where d does not descend, and where consecutive gradients are far from
// orthogonal (|g'g_before| > 0.2·|g|²; Powell 1977). Where the search finds nothing better, the
// solution stays. The method reports step_length (a) and line_search_evaluations of the last step.
struct NonlinearCg {
  static constexpr std::string_view kind = "nonlinear_cg";

  Sequence step_size = 1.0;  // each ≥ 0; at 0 the solution stays
  CgFormula formula = CgFormula::kHagerZhang;
  // CG_DESCENT's 0.9 takes three times the evaluations on Wood's function (core/README.md).
  LineSearch line_search = HagerZhang{.curvature = 0.3};

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(Named("formula"), formula);
    fields(Named("line_search"), line_search);
  }

  DESCENT_OPTIMIZER(NonlinearCgMethod)
};

template <InnerProductSpace X>
class NonlinearCgMethod final : public SearchedMethod<X> {
 public:
  NonlinearCgMethod(const NonlinearCg& options, const X& x0)
      : SearchedMethod<X>(options, x0),
        formula_(options.formula),
        fixed_(options.line_search.kind() == FixedStep::kind),
        direction_(zeros_like(x0)),
        next_direction_(zeros_like(x0)),
        change_(zeros_like(x0)) {}

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->StepBy([&] { Move(gradient, evaluator); });
  }

  void Visit(StateVisitor<X>& visitor) override {
    this->VisitSearched(visitor);
    visitor.Space("direction", direction_);
    visitor.Space("change", change_);
    visitor.Integer("begun", begun_);
    visitor.Number("square", square_);
    visitor.Number("slope", slope_);
  }

 private:
  // The published constants: CG_DESCENT 6's bound of beta, its psi1 and psi2, and Powell's.
  static constexpr double kLeastBeta = 0.4;
  static constexpr double kShorter = 0.1;
  static constexpr double kLonger = 2;
  static constexpr double kNotOrthogonal = 0.2;

  void Move(const X& gradient, Evaluator<X>& evaluator) {
    const double square = dot(gradient, gradient);
    assign(gradient, next_direction_);
    scale(-1, next_direction_);
    double slope = -square;
    if (begun_ != 0 && std::abs(square - dot(gradient, change_)) <= kNotOrthogonal * square) {
      axpy(Beta(gradient), direction_, next_direction_);
      slope = dot(gradient, next_direction_);
      if (!(slope < 0)) {
        assign(gradient, next_direction_);
        scale(-1, next_direction_);
        slope = -square;
      }
    }
    double trial = this->used_step_size(), probe = 0;
    if (!fixed_ && trial > 0) {
      if (begun_ != 0) {
        trial = kLonger * this->step_length();
        probe = kShorter * this->step_length();
      } else {
        trial *= std::min(1.0, 1 / std::sqrt(square));
      }
    }
    const Sample found =
        this->Search(next_direction_, evaluator.value(), slope, trial, probe, evaluator);
    if (!(found.step > 0)) {
      const bool steepest = begun_ == 0;
      begun_ = 0;
      return this->Stay(steepest);
    }
    std::swap(direction_, next_direction_);
    assign(this->found_gradient(), change_);
    axpy(-1, gradient, change_);
    square_ = square;
    slope_ = slope;
    begun_ = 1;
    this->Accept(found);
  }

  double Beta(const X& gradient) const {
    if (formula_ == CgFormula::kPolakRibierePlus) {
      return std::max(0.0, dot(gradient, change_) / square_);
    }
    const double bend = dot(direction_, change_);
    const double beta =
        (dot(change_, gradient) - dot(change_, change_) * dot(direction_, gradient) / bend) / bend;
    if (!std::isfinite(beta)) return 0;
    return std::max(beta, kLeastBeta * slope_ / dot(direction_, direction_));
  }

  CgFormula formula_;
  bool fixed_;
  X direction_;  // the direction of the last step
  X next_direction_;
  X change_;  // of the gradient, in the last step
  int64_t begun_ = 0;
  double square_ = 0;  // |g|² before the last step
  double slope_ = 0;   // along the direction, before the last step
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_NONLINEAR_CG_H_
