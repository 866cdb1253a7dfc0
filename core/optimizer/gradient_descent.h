// Gradient descent.
#ifndef DESCENT_CORE_OPTIMIZER_GRADIENT_DESCENT_H_
#define DESCENT_CORE_OPTIMIZER_GRADIENT_DESCENT_H_

#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/run.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "core/space/space.h"

namespace descent {

template <InnerProductSpace X>
class GradientDescentMethod;

// x ← x − step_size·g.
struct GradientDescent {
  static constexpr std::string_view kind = "gradient_descent";

  Sequence step_size;  // each ≥ 0

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit(NonNegative("step_size"), self.step_size);
  }

  template <InnerProductSpace X>
  using MethodFor = GradientDescentMethod<X>;

  // INVALID_ARGUMENT naming the field.
  absl::Status Validate() const { return ValidateFields(*this); }

  // Starts at a copy of x0. Throws std::invalid_argument where Validate() gives an error.
  template <InnerProductSpace X, Objective<X> F>
  Run<X, F, GradientDescentMethod<X>> operator()(const X& x0, F objective) const {
    return {GradientDescentMethod<X>(*this, x0), std::move(objective)};
  }
};

template <InnerProductSpace X>
class GradientDescentMethod {
 public:
  GradientDescentMethod(const GradientDescent& options, const X& x0)
      : dials_(SequencesOf(options)), x_(copy(x0)) {}

  const X& solution() const { return x_; }
  const X& point() const { return x_; }
  X* movable() { return &x_; }
  std::span<Dial* const> dials() { return dials_.list(); }

  void Step(const X& gradient) {
    dials_.Use();
    axpy(-dials_.used(0), gradient, x_);
  }

  void Visit(StateVisitor<X>& visitor) {
    dials_.Visit(visitor);
    visitor.Space("solution", x_);
  }

 private:
  Dials dials_;
  X x_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_GRADIENT_DESCENT_H_
