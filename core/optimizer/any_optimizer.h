// Any optimizer over a given space, chosen at run time.
//
// `AnyOptimizer<X>` is a value made from any optimizer (`Adam{}`, a wrapper, one's own); applied to
// (x0, objective) it is a range as they are. It is an optimizer itself, so that wrappers, which are
// templates over what they wrap, also compose at run time: `ClipByNorm<AnyOptimizer<X>>`.
// Immutable, and so safe to share between threads as far as its sequences are (a Settable isn't).
#ifndef DESCENT_CORE_OPTIMIZER_ANY_OPTIMIZER_H_
#define DESCENT_CORE_OPTIMIZER_ANY_OPTIMIZER_H_

#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "core/objective/gradient.h"
#include "core/optimizer/method.h"
#include "core/optimizer/run.h"
#include "core/optimizer/state.h"
#include "core/space/space.h"

namespace descent {

// Hyperparameters that make a method for X: `MethodFor<X>(optimizer, x0)` starts at a copy of x0
// and throws std::invalid_argument where `Validate()` gives INVALID_ARGUMENT naming the field.
template <class O, class X>
concept Optimizer = std::copyable<O> && requires(const O& optimizer, const X& x0) {
  { optimizer.Validate() } -> std::same_as<absl::Status>;
  { typename O::template MethodFor<X>(optimizer, x0) } -> Method<X>;
};

template <InnerProductSpace X>
class AnyOptimizer;

// A method of any kind. Owns it.
template <InnerProductSpace X>
class AnyMethod {
 public:
  AnyMethod(const AnyOptimizer<X>& optimizer, const X& x0) : AnyMethod(optimizer.Start(x0)) {}

  template <class M>
    requires(!std::same_as<M, AnyMethod> && Method<M, X>)
  explicit AnyMethod(M method) : method_(std::make_unique<Holder<M>>(std::move(method))) {}

  const X& solution() const { return method_->solution(); }
  const X& point() const { return method_->point(); }
  const X& average() const { return method_->average(); }
  X* movable() { return method_->movable(); }
  void Step(const X& gradient, Evaluator<X>& evaluator) { method_->Step(gradient, evaluator); }
  std::span<Dial* const> dials() { return method_->dials(); }
  std::optional<double> step_size() { return method_->step_size(); }
  void Report(const Reporter& report) { method_->Report(report); }
  bool evaluates() const { return method_->evaluates(); }
  bool TakeEvaluation(double& value, X& gradient) {
    return method_->TakeEvaluation(value, gradient);
  }
  Places frozen() const { return method_->frozen(); }
  void Hold(const Places& frozen) { method_->Hold(frozen); }
  const Dial* step_size_of(size_t parameter) { return method_->step_size_of(parameter); }
  std::string_view stuck() const { return method_->stuck(); }
  void Visit(StateVisitor<X>& visitor) { method_->Visit(visitor); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual const X& solution() const = 0;
    virtual const X& point() const = 0;
    virtual const X& average() const = 0;
    virtual X* movable() = 0;
    virtual void Step(const X& gradient, Evaluator<X>& evaluator) = 0;
    virtual std::span<Dial* const> dials() = 0;
    virtual std::optional<double> step_size() = 0;
    virtual void Report(const Reporter& report) = 0;
    virtual bool evaluates() const = 0;
    virtual bool TakeEvaluation(double& value, X& gradient) = 0;
    virtual Places frozen() const = 0;
    virtual void Hold(const Places& frozen) = 0;
    virtual const Dial* step_size_of(size_t parameter) = 0;
    virtual std::string_view stuck() const = 0;
    virtual void Visit(StateVisitor<X>& visitor) = 0;
  };

  template <class M>
  struct Holder final : Interface {
    explicit Holder(M m) : method(std::move(m)) {}
    const X& solution() const override { return method.solution(); }
    const X& point() const override { return method.point(); }
    const X& average() const override { return descent::Average<X>(method); }
    X* movable() override { return descent::Movable<X>(method); }
    void Step(const X& gradient, Evaluator<X>& evaluator) override {
      descent::Step(method, gradient, evaluator);
    }
    std::span<Dial* const> dials() override { return method.dials(); }
    std::optional<double> step_size() override { return descent::StepSize(method); }
    void Report(const Reporter& report) override { descent::Report(method, report); }
    bool evaluates() const override { return descent::Evaluates<X>(method); }
    bool TakeEvaluation(double& value, X& gradient) override {
      return descent::TakeEvaluation(method, value, gradient);
    }
    Places frozen() const override { return descent::FrozenIn<X>(method); }
    void Hold(const Places& frozen) override { descent::Hold(method, frozen); }
    const Dial* step_size_of(size_t parameter) override {
      return descent::StepSizeOf(method, parameter);
    }
    std::string_view stuck() const override { return descent::Stuck(method); }
    void Visit(StateVisitor<X>& visitor) override { method.Visit(visitor); }
    M method;
  };

  std::unique_ptr<Interface> method_;
};

template <InnerProductSpace X>
class AnyOptimizer {
 public:
  template <class>
  using MethodFor = AnyMethod<X>;

  // Any Optimizer<X>. Only that it has methods for X decides whether there is a conversion: whether
  // a wrapper of an AnyOptimizer can be copied would depend on the answer.
  template <class O>
    requires(!std::same_as<O, AnyOptimizer> && requires { typename O::template MethodFor<X>; })
  AnyOptimizer(O optimizer)  // NOLINT(google-explicit-constructor): ModelRun::Create(Adam{}, …)
      : optimizer_(std::make_shared<Holder<O>>(std::move(optimizer))) {
    static_assert(Optimizer<O, X>);
  }

  // INVALID_ARGUMENT naming the field.
  absl::Status Validate() const { return optimizer_->Validate(); }
  // Throws std::invalid_argument where Validate() gives an error.
  AnyMethod<X> Start(const X& x0) const { return optimizer_->Start(x0); }

  // Starts at a copy of x0. Throws std::invalid_argument where Validate() gives an error.
  template <Objective<X> F>
  Run<X, F, AnyMethod<X>> operator()(const X& x0, F objective) const {
    return {Start(x0), std::move(objective)};
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual absl::Status Validate() const = 0;
    virtual AnyMethod<X> Start(const X& x0) const = 0;
  };

  template <class O>
  struct Holder final : Interface {
    explicit Holder(O o) : optimizer(std::move(o)) {}
    absl::Status Validate() const override { return optimizer.Validate(); }
    AnyMethod<X> Start(const X& x0) const override {
      return AnyMethod<X>(typename O::template MethodFor<X>(optimizer, x0));
    }
    O optimizer;
  };

  std::shared_ptr<const Interface> optimizer_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ANY_OPTIMIZER_H_
