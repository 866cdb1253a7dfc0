// Adam.
#ifndef DESCENT_CORE_OPTIMIZER_ADAM_H_
#define DESCENT_CORE_OPTIMIZER_ADAM_H_

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/run.h"
#include "core/sequence/sequence.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent {

template <ElementwiseAlgebra X>
class AdamMethod;

// Kingma & Ba 2015, algorithm 1:
//   m ← beta1·m + (1 − beta1)·g        v ← beta2·v + (1 − beta2)·g²
//   x ← x − step_size·(m/(1 − Π beta1)) / (√(v/(1 − Π beta2)) + epsilon)
// The products run over the values that were really used, so that turning a beta in mid-run keeps
// the averages unbiased (with constant betas they are the paper's powers).
struct Adam {
  Sequence step_size = 0.001;  // each ≥ 0
  Sequence beta1 = 0.9;        // each in [0, 1)
  Sequence beta2 = 0.999;      // each in [0, 1)
  double epsilon = 1e-8;       // > 0

  template <ElementwiseAlgebra X>
  using MethodFor = AdamMethod<X>;

  // INVALID_ARGUMENT naming the field.
  absl::Status Validate() const;

  // Starts at a copy of x0. Throws std::invalid_argument where Validate() gives an error.
  template <ElementwiseAlgebra X, Objective<X> F>
  Run<X, F, AdamMethod<X>> operator()(const X& x0, F objective) const {
    return {AdamMethod<X>(*this, x0), std::move(objective)};
  }
};

namespace internal {

// The numbers of one step.
struct AdamStep {
  double step_size, beta1, beta2, epsilon;
  double correction1, correction2;  // 1 − Π beta
  // How many steps the fused kernel believes to have been made, counting this one, such that
  // 1 − beta^count are the corrections: if the betas never changed. Else 0.
  int64_t count;
};

// One fused kernel per buffer.
class FusedAdam {
 public:
  FusedAdam();
  FusedAdam(FusedAdam&&) noexcept;
  FusedAdam& operator=(FusedAdam&&) noexcept;
  ~FusedAdam();
  void Step(const AdamStep& step, Buffers gradient, Buffers exp_avg, Buffers exp_avg_sq, Buffers x);

 private:
  struct Lists;
  std::unique_ptr<Lists> lists_;
};

}  // namespace internal

template <ElementwiseAlgebra X>
class AdamMethod {
 public:
  AdamMethod(const Adam& options, const X& x0)
      : dials_({{NonNegative("step_size"), options.step_size},
                {UnitInterval("beta1"), options.beta1},
                {UnitInterval("beta2"), options.beta2}}),
        epsilon_(options.epsilon),
        x_(copy(x0)),
        exp_avg_(zeros_like(x0)),
        exp_avg_sq_(zeros_like(x0)) {
    ThrowUnlessOk(CheckPositive("epsilon", epsilon_));
  }

  const X& solution() const { return x_; }
  const X& point() const { return x_; }
  std::span<Dial* const> dials() { return dials_.list(); }

  void Step(const X& gradient) {
    const auto earlier1 = dials_.list()[1]->used, earlier2 = dials_.list()[2]->used;
    dials_.Use();
    const double beta1 = dials_.used(1), beta2 = dials_.used(2);
    if (count_ > 0 && (earlier1 != beta1 || earlier2 != beta2)) betas_changed_ = true;
    ++count_;
    product1_ *= beta1;
    product2_ *= beta2;
    const internal::AdamStep step{dials_.used(0),
                                  beta1,
                                  beta2,
                                  epsilon_,
                                  1 - product1_,
                                  1 - product2_,
                                  betas_changed_ ? 0 : count_};
    if constexpr (FlatSpace<X>) {
      fused_.Step(step, Space<X>::buffers(gradient), Space<X>::buffers(exp_avg_),
                  Space<X>::buffers(exp_avg_sq_), Space<X>::buffers(x_));
    } else {
      StepByOperations(step, gradient);
    }
  }

  void Visit(StateVisitor<X>& visitor) {
    dials_.Visit(visitor);
    visitor.Integer("steps", count_);
    visitor.Integer("betas_changed", betas_changed_);
    visitor.Number("beta1.product", product1_);
    visitor.Number("beta2.product", product2_);
    visitor.Space("solution", x_);
    visitor.Space("exp_avg", exp_avg_);
    visitor.Space("exp_avg_sq", exp_avg_sq_);
  }

 private:
  void StepByOperations(const internal::AdamStep& step, const X& gradient) {
    X square = copy(gradient);
    multiply(gradient, square);
    scale(step.beta1, exp_avg_);
    axpy(1 - step.beta1, gradient, exp_avg_);
    scale(step.beta2, exp_avg_sq_);
    axpy(1 - step.beta2, square, exp_avg_sq_);
    X denominator = copy(exp_avg_sq_);
    square_root(denominator);
    scale(1 / std::sqrt(step.correction2), denominator);
    shift(step.epsilon, denominator);
    X direction = copy(exp_avg_);
    divide(denominator, direction);
    axpy(-step.step_size / step.correction1, direction, x_);
  }

  Dials dials_;
  double epsilon_;
  int64_t count_ = 0;
  int64_t betas_changed_ = 0;
  double product1_ = 1;
  double product2_ = 1;
  X x_;
  X exp_avg_;
  X exp_avg_sq_;
  [[no_unique_address]] internal::FusedAdam fused_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ADAM_H_
