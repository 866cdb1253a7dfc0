// Gradient descent with the step sizes of Barzilai and Borwein, which come from the last two
// gradients.
#ifndef DESCENT_CORE_OPTIMIZER_BARZILAI_BORWEIN_H_
#define DESCENT_CORE_OPTIMIZER_BARZILAI_BORWEIN_H_

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/optimizer.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "core/space/space.h"

namespace descent {

template <InnerProductSpace X>
class BarzilaiBorweinMethod;

// The formulas are in s = x_k − x_{k−1} and y = g_k − g_{k−1}.
enum class BarzilaiBorweinFormula {
  kLong,   // s's/s'y
  kShort,  // s'y/y'y
};
inline constexpr std::string_view kBarzilaiBorweinNames[] = {"LONG", "SHORT"};
constexpr std::span<const std::string_view> Names(BarzilaiBorweinFormula) {
  return kBarzilaiBorweinNames;
}

// x ← x − a·g with a by the formula (Barzilai & Borwein 1988, equations 5 and 6); a is step_size in
// the first step and wherever the curvature s'y is not positive. Values may rise on the way. The
// method is for whole gradients, not for batches.
struct BarzilaiBorwein {
  static constexpr std::string_view kind = "barzilai_borwein";

  Sequence step_size = 0.001;  // each ≥ 0
  BarzilaiBorweinFormula formula = BarzilaiBorweinFormula::kLong;

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(Named("formula"), formula);
  }

  DESCENT_OPTIMIZER(BarzilaiBorweinMethod)
};

template <InnerProductSpace X>
class BarzilaiBorweinMethod final : public Method<X> {
 public:
  BarzilaiBorweinMethod(const BarzilaiBorwein& options, const X& x0)
      : dials_(SequencesOf(options)),
        formula_(options.formula),
        x_(copy(x0)),
        step_(zeros_like(x0)),
        change_(zeros_like(x0)) {}

  const X& solution() const override { return x_; }
  X* movable() override { return &x_; }
  std::span<Dial* const> dials() override { return dials_.list(); }
  std::optional<double> step_size() override {
    return begun_ != 0 ? std::optional(used_) : std::nullopt;
  }

  std::string_view stuck() const override { return stuck_; }

  void Step(const X& gradient, Evaluator<X>&) override {
    dials_.Use();
    const double used_before = std::exchange(used_, dials_.used(0));
    stuck_ = {};
    if (begun_ != 0) {
      // These hold −x_{k−1} and −g_{k−1} until here, and s and y from here on.
      axpy(1, x_, step_);
      axpy(1, gradient, change_);
      const double curvature = dot(step_, change_);
      const double size = formula_ == BarzilaiBorweinFormula::kLong
                              ? dot(step_, step_) / curvature
                              : curvature / dot(change_, change_);
      if (curvature > 0 && std::isfinite(size)) used_ = size;
      // Where the last step changed nothing, one of the same size will not change anything either.
      if (curvature == 0 && used_ > 0 && norm(step_) == 0) {
        if (norm(gradient) == 0) {
          stuck_ = "the gradient is zero";
        } else if (used_ == used_before) {
          stuck_ = "a step of this size is lost in rounding";
        }
      }
    }
    assign(x_, step_);
    scale(-1, step_);
    assign(gradient, change_);
    scale(-1, change_);
    begun_ = 1;
    axpy(-used_, gradient, x_);
  }

  void Visit(StateVisitor<X>& visitor) override {
    dials_.Visit(visitor);
    visitor.Space("solution", x_);
    visitor.Space("step", step_);
    visitor.Space("change", change_);
    visitor.Integer("begun", begun_);
    visitor.Number("used_step_size", used_);
  }

 private:
  Dials dials_;
  BarzilaiBorweinFormula formula_;
  X x_;
  X step_;    // −x_{k−1} between two steps
  X change_;  // −g_{k−1} between two steps
  int64_t begun_ = 0;
  double used_ = 0;
  std::string_view stuck_;  // a literal, so it outlives every reader
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_BARZILAI_BORWEIN_H_
