// A wrapper is an optimizer around an optimizer; this is what all of them have in common.
//
// A wrapper sees the gradient before the optimizer inside does, and its solution afterwards:
// `ClipByNorm{.max_norm = 1, .optimizer = Adam{}}`. The outermost sees it first. A wrapper's dials
// and states are called after its kind (`clip_by_norm.max_norm`), an outer one of the same kind
// `clip_by_norm2`. `AnyOptimizer<X>` is an optimizer too, so wrappers compose at run time as well.
//
// Frozen parameters, whether a group or a wrapper (freeze.h) freezes them, are frozen for all of
// the composition, whatever the order: their gradient is zero to everybody, and no wrapper moves
// them.
//
// A sequence counts iterations, also those in which a wrapper keeps the optimizer inside from
// stepping (Accumulate, SkipNonFinite).
#ifndef DESCENT_CORE_OPTIMIZER_WRAPPER_H_
#define DESCENT_CORE_OPTIMIZER_WRAPPER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/method.h"
#include "core/optimizer/optimizer.h"
#include "core/optimizer/state.h"
#include "core/space/space.h"

namespace descent {
namespace internal {

// Collects the first parts (up to `.` or `/`) of all names that a method's state has.
template <class X>
class ScopeCollector final : public StateVisitor<X> {
 public:
  void Space(std::string_view name, X&) override { Add(name); }
  void Tensor(std::string_view name, at::Tensor&) override { Add(name); }
  void Number(std::string_view name, double&) override { Add(name); }
  void Integer(std::string_view name, int64_t&) override { Add(name); }
  std::set<std::string> scopes;

 private:
  void Add(std::string_view name) { scopes.emplace(name.substr(0, name.find_first_of("./"))); }
};

// Gives `clip_by_norm`, or `clip_by_norm2` if the method inside has such a one.
template <class X>
std::string FreeScope(Method<X>& inner, std::string_view kind) {
  ScopeCollector<X> collector;
  inner.Visit(collector);
  std::string scope(kind);
  for (int i = 2; collector.scopes.contains(scope); ++i) scope = absl::StrCat(std::string(kind), i);
  return scope;
}

// Gives the wrapper's sequences, named within its scope.
template <Declared O>
std::vector<Hyperparameter> ScopedSequences(const O& options, const std::string& scope) {
  std::vector<Hyperparameter> sequences = SequencesOf(options);
  for (Hyperparameter& h : sequences) h.range.field = absl::StrCat(scope, ".", h.range.field);
  return sequences;
}

}  // namespace internal

// Gives the status of the wrapper's own fields, or that of what it wraps.
template <class O>
absl::Status ValidateWrapper(const O& options) {
  absl::Status status = ValidateFields(options);
  return status.ok() ? options.optimizer.Validate() : status;
}

// The base of a wrapper's method: everything is as the method inside has it, until overridden.
// TakeEvaluation is not, because whether an evaluation may be handed on depends on what the wrapper
// does.
template <InnerProductSpace X>
class WrapperMethod : public Method<X> {
 public:
  const X& solution() const override { return inner_->solution(); }
  const X& point() const override { return inner_->point(); }
  const X& average() const override { return inner_->average(); }
  X* movable() override { return inner_->movable(); }
  std::span<Dial* const> dials() override { return all_dials_; }
  std::optional<double> step_size() override { return inner_->step_size(); }
  const Dial* step_size_of(size_t parameter) override { return inner_->step_size_of(parameter); }
  bool evaluates() const override { return inner_->evaluates(); }
  void Report(const Reporter& report) override { inner_->Report(report); }
  std::string_view stuck() const override { return inner_->stuck(); }
  Places frozen() const override { return inner_->frozen(); }
  void Hold(const Places& frozen) override {
    frozen_ = frozen;
    inner_->Hold(frozen);
  }
  void Visit(StateVisitor<X>& visitor) override {
    inner_->Visit(visitor);
    dials_.Visit(visitor);
    if (dials_.list().empty()) {
      // A number is shown so that the scope is taken.
      int64_t present = 1;
      visitor.Integer(scope_ + ".present", present);
    }
  }

 protected:
  // O is the wrapper's hyperparameters, with the wrapped optimizer as `optimizer`.
  template <class O>
  WrapperMethod(const O& options, const X& x0)
      : inner_(options.optimizer.Start(x0)),
        scope_(internal::FreeScope(*inner_, O::kind)),
        dials_(internal::ScopedSequences(options, scope_)) {
    ThrowUnlessOk(ValidateFields(options));
    all_dials_.assign(inner_->dials().begin(), inner_->dials().end());
    all_dials_.insert(all_dials_.end(), dials_.list().begin(), dials_.list().end());
  }

  // Throws std::invalid_argument with the sentence if the method inside evaluates the objective by
  // itself: what the wrapper does to the gradient would not reach those evaluations.
  void RefuseEvaluating(std::string_view why) const {
    if (inner_->evaluates()) {
      throw std::invalid_argument(absl::StrCat(scope_, ": ", std::string(why)));
    }
  }

  // Runs a step's body with this iteration's values of the wrapper's own dials; if it throws, they
  // have not counted.
  template <class Body>
  void Guarded(Body body) {
    dials_.Use();
    try {
      body();
    } catch (...) {
      dials_.Undo();
      throw;
    }
  }

  // Throws std::invalid_argument if the method inside would not notice that its solution is moved:
  // "lookahead: it <moves …>".
  void RequireMovable(std::string_view what) {
    if (movable() != nullptr) return;
    throw std::invalid_argument(absl::StrCat(scope_, ": it ", std::string(what),
                                             ", but the optimizer inside has a second point that "
                                             "goes with it; put it around another optimizer"));
  }

  void StepInside(const X& gradient, Evaluator<X>& evaluator) { inner_->Step(gradient, evaluator); }

  // For wrappers that hand their own evaluator on, and leave the solution alone.
  bool TakeEvaluationInside(double& value, X& gradient) {
    return inner_->TakeEvaluation(value, gradient);
  }

  // Counts an iteration in which the method inside stays where it is: its sequences count all the
  // same.
  void SkipInside() {
    for (Dial* dial : inner_->dials()) dial->used = dial->sequence.next();
  }

  // Gives the name within the scope: `clip_by_norm.clipped`.
  std::string Named(std::string_view name) const {
    return absl::StrCat(scope_, ".", std::string(name));
  }

  std::unique_ptr<Method<X>> inner_;
  std::string scope_;
  Dials dials_;    // the wrapper's own, without those inside
  Places frozen_;  // the parameters that nobody may move

 private:
  std::vector<Dial*> all_dials_;
};

// Makes an optimizer of a struct with hyperparameters and an `optimizer`; Name##Method<X> is its
// method.
#define DESCENT_WRAPPER(Name)                                                   \
  ::absl::Status Validate() const { return ::descent::ValidateWrapper(*this); } \
  DESCENT_METHOD(::descent::InnerProductSpace, Name##Method<X>)

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_WRAPPER_H_
