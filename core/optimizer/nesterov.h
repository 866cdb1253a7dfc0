// Nesterov's accelerated gradient method takes its gradients ahead of where it stands.
#ifndef DESCENT_CORE_OPTIMIZER_NESTEROV_H_
#define DESCENT_CORE_OPTIMIZER_NESTEROV_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/optimizer.h"
#include "core/sequence/nesterov_sequence.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "core/space/space.h"

namespace descent {

template <InnerProductSpace X>
class NesterovMethod;

// Says when to begin anew from where one is, without momentum (O'Donoghue & Candès 2015, section
// 3.2). It helps on functions that are more than convex.
enum class Restart {
  kNone,
  kFunction,  // f(x_{k+1}) > f(x_k); two more evaluations an iteration, on its batch
  kGradient,  // ∇f(y_k)'(x_{k+1} − x_k) > 0
};
inline constexpr std::string_view kRestartNames[] = {"NONE", "FUNCTION", "GRADIENT"};
constexpr std::span<const std::string_view> Names(Restart) { return kRestartNames; }

// The method goes from y_0 = x_0 by
//   x_{k+1} = y_k − step_size·∇f(y_k),
//   y_{k+1} = x_{k+1} + momentum·(x_{k+1} − x_k)
// with both sequences at position k (Nesterov 1983; Beck & Teboulle 2009, FISTA without the
// proximal step). Iteration k shows x_k as `solution`; `value` and `gradient` are those of y_k,
// where the gradient was taken. A restart sets the momentum's sequence back to position 0;
// `restarts` reports how many there were.
struct Nesterov {
  static constexpr std::string_view kind = "nesterov";

  Sequence step_size;                       // each ≥ 0
  Sequence momentum = nesterov_sequence();  // each in [0, 1)
  Restart restart = Restart::kNone;

  void Describe(FieldList& fields) {
    DescribeStepSize(fields, step_size);
    fields(UnitInterval("momentum"), momentum);
    fields(Named("restart"), restart);
  }

  DESCENT_OPTIMIZER(NesterovMethod)
};

template <InnerProductSpace X>
class NesterovMethod final : public Method<X> {
 public:
  NesterovMethod(const Nesterov& options, const X& x0)
      : dials_(SequencesOf(options)), restart_(options.restart), x_(copy(x0)), y_(copy(x0)) {
    if (restart_ == Restart::kFunction) {
      tried_.emplace(zeros_like(x0));
      unused_.emplace(zeros_like(x0));
    }
  }

  const X& solution() const override { return x_; }
  const X& point() const override { return y_; }
  std::span<Dial* const> dials() override { return dials_.list(); }
  bool evaluates() const override { return restart_ == Restart::kFunction; }

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    dials_.Use();
    bool restart = false;
    if (restart_ == Restart::kFunction) {
      try {
        restart = Rises(gradient, evaluator);
      } catch (...) {
        dials_.Undo();
        throw;
      }
    }
    // Two buffers do: y becomes x_{k+1}, x becomes y_{k+1} = x_{k+1} + m·(x_{k+1} − x_k), then they
    // swap their roles. The difference is computed first: where nothing moves, nothing is rounded.
    axpy(-dials_.used(0), gradient, y_);
    axpy(-1, y_, x_);
    if (restart_ == Restart::kGradient) restart = dot(gradient, x_) < 0;
    if (restart) {
      ++restarts_;
      dials_.list()[1]->used = 0;
      dials_.list()[1]->sequence.seek(0);
    }
    scale(-dials_.used(1), x_);
    axpy(1, y_, x_);
    std::swap(x_, y_);
  }

  void Report(const Reporter& report) override {
    if (restart_ != Restart::kNone) report("restarts", static_cast<double>(restarts_));
  }

  void Visit(StateVisitor<X>& visitor) override {
    dials_.Visit(visitor);
    visitor.Space("solution", x_);
    visitor.Space("extrapolated", y_);
    if (restart_ != Restart::kNone) visitor.Integer("restarts", restarts_);
  }

 private:
  // Tells whether f(x_{k+1}) > f(x_k), on the batch of the gradient.
  bool Rises(const X& gradient, Evaluator<X>& evaluator) {
    const double before = evaluator.Evaluate(x_, *unused_);
    assign(y_, *tried_);
    axpy(-dials_.used(0), gradient, *tried_);
    return evaluator.Evaluate(*tried_, *unused_) > before;
  }

  Dials dials_;
  Restart restart_;
  X x_;
  X y_;
  int64_t restarts_ = 0;
  std::optional<X> tried_, unused_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_NESTEROV_H_
