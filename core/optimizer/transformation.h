// Gradient transformations are wrappers that change the gradient on its way to the optimizer
// inside: clipping, one's own.
//
//   template <class Optimizer>
//   struct UnitGradient {
//     static constexpr std::string_view kind = "unit_gradient";
//     Sequence length = 1.0;
//     Optimizer optimizer;
//     void Describe(FieldList& fields) { fields(Positive("length"), length); }
//     template <class X>
//     static void Change(const PresentValues<UnitGradient>& now, PassingGradient<X>& gradient) {
//       const double present = norm(gradient.given());
//       if (present > 0) scale(now[&UnitGradient::length] / present, gradient.changed());
//     }
//     DESCENT_GRADIENT_TRANSFORMATION(UnitGradient)
//   };
//
// Numbers that a transformation keeps between steps are a third argument of `Change`, a struct with
//   template <class Self, class Visit>
//   static void Describe(Self& self, Visit&& visit)   visit(name, number) for each, a double or an
//                                                     int64_t, that is to be saved
//   void Report(const Reporter& report) const         those that people may want to see
// If the step inside throws, these numbers are as they were.
#ifndef DESCENT_CORE_OPTIMIZER_TRANSFORMATION_H_
#define DESCENT_CORE_OPTIMIZER_TRANSFORMATION_H_

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/optimizer/method.h"
#include "core/optimizer/parts.h"
#include "core/optimizer/present.h"
#include "core/optimizer/state.h"
#include "core/optimizer/wrapper.h"
#include "core/space/space.h"

namespace descent {

// A gradient on its way to the optimizer inside. Nothing is copied of one that stays as it came.
template <InnerProductSpace X>
class PassingGradient {
 public:
  explicit PassingGradient(const X& x0) : changed_(zeros_like(x0)) {}

  // The gradient as it came.
  const X& given() const { return *given_; }
  // The gradient that is handed on from now: a copy, to be changed.
  X& changed() {
    if (!is_changed_) assign(*given_, changed_);
    is_changed_ = true;
    return changed_;
  }
  // Memory of the gradient's size, whose contents mean nothing.
  X& scratch() {
    if (!scratch_) scratch_.emplace(zeros_like(changed_));
    return *scratch_;
  }
  // The parameters that nobody may move: their gradient is zero.
  const Places& frozen() const { return *frozen_; }

  // Begins with the gradient of one step. Refers to both arguments.
  void Take(const X& given, const Places& frozen) {
    given_ = &given;
    frozen_ = &frozen;
    is_changed_ = false;
  }
  // The gradient that is to be handed on.
  const X& result() const { return is_changed_ ? changed_ : *given_; }

 private:
  const X* given_ = nullptr;
  const Places* frozen_ = nullptr;
  bool is_changed_ = false;
  X changed_;
  std::optional<X> scratch_;
};

// This stands in for the numbers of a transformation that keeps none.
struct NoTally {
  template <class Self, class Visit>
  static void Describe(Self&, Visit&&) {}
  void Report(const Reporter&) const {}
};

namespace internal {

// Learns from the type of `Change` which numbers it keeps.
template <class Change>
struct TallyOf;
template <class O, class X>
struct TallyOf<void (*)(const PresentValues<O>&, PassingGradient<X>&)> {
  using Tally = NoTally;
  static void Change(const PresentValues<O>& now, PassingGradient<X>& gradient, NoTally&) {
    O::template Change<X>(now, gradient);
  }
};
template <class O, class X, class T>
struct TallyOf<void (*)(const PresentValues<O>&, PassingGradient<X>&, T&)> {
  using Tally = T;
  static void Change(const PresentValues<O>& now, PassingGradient<X>& gradient, T& tally) {
    O::template Change<X>(now, gradient, tally);
  }
};

inline constexpr std::string_view kChangeEvaluating =
    "the optimizer inside evaluates the objective by itself, and those gradients would not be "
    "changed; put the change inside it, or leave it out around a line search";

}  // namespace internal

template <InnerProductSpace X, class O>
class GradientTransformation final : public WrapperMethod<X> {
 public:
  GradientTransformation(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0), options_(options), gradient_(x0) {
    this->RefuseEvaluating(O::kAroundEvaluating);
    const std::vector<Hyperparameter> sequences = SequencesOf(options_);
    for (size_t i = 0; i < sequences.size(); ++i) {
      bound_.push_back({&sequences[i].sequence, this->dials_.list()[i]});
    }
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->Guarded([&] {
      Tally tally = tally_;
      gradient_.Take(gradient, this->frozen_);
      TallyOf::Change(PresentValues<O>(options_, bound_), gradient_, tally);
      this->StepInside(gradient_.result(), evaluator);
      tally_ = tally;
    });
  }
  void Report(const Reporter& report) override {
    WrapperMethod<X>::Report(report);
    tally_.Report([&](std::string_view name, double value) { report(this->Named(name), value); });
  }
  void Visit(StateVisitor<X>& visitor) override {
    WrapperMethod<X>::Visit(visitor);
    Tally::Describe(tally_, [&]<class Number>(std::string_view name, Number& number) {
      if constexpr (std::same_as<Number, int64_t>) {
        visitor.Integer(this->Named(name), number);
      } else {
        visitor.Number(this->Named(name), number);
      }
    });
  }

 private:
  using TallyOf = internal::TallyOf<decltype(&O::template Change<X>)>;
  using Tally = typename TallyOf::Tally;

  const O options_;
  std::vector<BoundDial> bound_;
  PassingGradient<X> gradient_;
  Tally tally_;
};

// Makes an optimizer of a struct with hyperparameters, an `optimizer` and a Change. The second
// macro takes the sentence that refuses an optimizer inside that evaluates by itself.
#define DESCENT_GRADIENT_TRANSFORMATION(Name) \
  DESCENT_GRADIENT_TRANSFORMATION_SAYING(Name, ::descent::internal::kChangeEvaluating)
#define DESCENT_GRADIENT_TRANSFORMATION_SAYING(Name, sentence)                  \
  static constexpr ::std::string_view kAroundEvaluating = sentence;             \
  ::absl::Status Validate() const { return ::descent::ValidateWrapper(*this); } \
  DESCENT_METHOD(::descent::InnerProductSpace, ::descent::GradientTransformation<X, Name>)

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_TRANSFORMATION_H_
