// Gradient descent steps against the gradient, in any inner product space.
#ifndef DESCENT_CORE_OPTIMIZER_GRADIENT_DESCENT_H_
#define DESCENT_CORE_OPTIMIZER_GRADIENT_DESCENT_H_

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
class GradientDescentMethod;

// x ← x − step_size·g.
struct GradientDescent {
  static constexpr std::string_view kind = "gradient_descent";

  Sequence step_size;  // each ≥ 0

  void Describe(FieldList& fields) { DescribeStepSize(fields, step_size); }

  DESCENT_OPTIMIZER(GradientDescentMethod)
};

template <InnerProductSpace X>
class GradientDescentMethod final : public Method<X> {
 public:
  GradientDescentMethod(const GradientDescent& options, const X& x0)
      : dials_(SequencesOf(options)), x_(copy(x0)) {}

  const X& solution() const override { return x_; }
  X* movable() override { return &x_; }
  std::span<Dial* const> dials() override { return dials_.list(); }

  void Step(const X& gradient, Evaluator<X>&) override {
    dials_.Use();
    axpy(-dials_.used(0), gradient, x_);
  }

  void Visit(StateVisitor<X>& visitor) override {
    dials_.Visit(visitor);
    visitor.Space("solution", x_);
  }

 private:
  Dials dials_;
  X x_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_GRADIENT_DESCENT_H_
