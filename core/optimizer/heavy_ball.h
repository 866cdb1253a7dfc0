// The heavy-ball method is gradient descent with momentum, in any inner product space.
#ifndef DESCENT_CORE_OPTIMIZER_HEAVY_BALL_H_
#define DESCENT_CORE_OPTIMIZER_HEAVY_BALL_H_

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
class HeavyBallMethod;

// v ← momentum·v − step_size·g, x ← x + v  (Polyak 1964).
struct HeavyBall {
  static constexpr std::string_view kind = "heavy_ball";

  Sequence step_size;       // each ≥ 0
  Sequence momentum = 0.9;  // each in [0, 1)

  void Describe(FieldList& fields) {
    DescribeStepSize(fields, step_size);
    fields(UnitInterval("momentum"), momentum);
  }

  DESCENT_OPTIMIZER(HeavyBallMethod)
};

template <InnerProductSpace X>
class HeavyBallMethod final : public Method<X> {
 public:
  HeavyBallMethod(const HeavyBall& options, const X& x0)
      : dials_(SequencesOf(options)), x_(copy(x0)), velocity_(zeros_like(x0)) {}

  const X& solution() const override { return x_; }
  X* movable() override { return &x_; }
  std::span<Dial* const> dials() override { return dials_.list(); }

  void Step(const X& gradient, Evaluator<X>&) override {
    dials_.Use();
    scale(dials_.used(1), velocity_);
    axpy(-dials_.used(0), gradient, velocity_);
    axpy(1, velocity_, x_);
  }

  void Visit(StateVisitor<X>& visitor) override {
    dials_.Visit(visitor);
    visitor.Space("solution", x_);
    visitor.Space("velocity", velocity_);
  }

 private:
  Dials dials_;
  X x_;
  X velocity_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_HEAVY_BALL_H_
