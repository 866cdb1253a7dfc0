// Nesterov's accelerated gradient method.
#ifndef DESCENT_CORE_OPTIMIZER_NESTEROV_H_
#define DESCENT_CORE_OPTIMIZER_NESTEROV_H_

#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/run.h"
#include "core/sequence/nesterov_sequence.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "core/space/space.h"

namespace descent {

template <InnerProductSpace X>
class NesterovMethod;

// From y_0 = x_0:  x_{k+1} = y_k − step_size·∇f(y_k),
//                  y_{k+1} = x_{k+1} + momentum·(x_{k+1} − x_k)
// with both sequences at position k (Nesterov 1983; Beck & Teboulle 2009, FISTA without the
// proximal step). Iteration k shows x_k as `solution`; `value` and `gradient` are those of y_k,
// where the gradient was taken.
struct Nesterov {
  static constexpr std::string_view kind = "nesterov";

  Sequence step_size;                       // each ≥ 0
  Sequence momentum = nesterov_sequence();  // each in [0, 1)

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit(NonNegative("step_size"), self.step_size);
    visit(UnitInterval("momentum"), self.momentum);
  }

  template <InnerProductSpace X>
  using MethodFor = NesterovMethod<X>;

  // INVALID_ARGUMENT naming the field.
  absl::Status Validate() const { return ValidateFields(*this); }

  // Starts at a copy of x0. Throws std::invalid_argument where Validate() gives an error.
  template <InnerProductSpace X, Objective<X> F>
  Run<X, F, NesterovMethod<X>> operator()(const X& x0, F objective) const {
    return {NesterovMethod<X>(*this, x0), std::move(objective)};
  }
};

template <InnerProductSpace X>
class NesterovMethod {
 public:
  NesterovMethod(const Nesterov& options, const X& x0)
      : dials_(SequencesOf(options)), x_(copy(x0)), y_(copy(x0)) {}

  const X& solution() const { return x_; }
  const X& point() const { return y_; }
  std::span<Dial* const> dials() { return dials_.list(); }

  void Step(const X& gradient) {
    dials_.Use();
    // In two buffers: y becomes x_{k+1}, x becomes y_{k+1} = x_{k+1} + m·(x_{k+1} − x_k), then they
    // swap their roles. The difference first: where nothing moves, nothing is rounded.
    axpy(-dials_.used(0), gradient, y_);
    axpy(-1, y_, x_);
    scale(-dials_.used(1), x_);
    axpy(1, y_, x_);
    std::swap(x_, y_);
  }

  void Visit(StateVisitor<X>& visitor) {
    dials_.Visit(visitor);
    visitor.Space("solution", x_);
    visitor.Space("extrapolated", y_);
  }

 private:
  Dials dials_;
  X x_;
  X y_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_NESTEROV_H_
