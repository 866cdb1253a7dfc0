// Optimizers whose step is a formula on each number by itself: Adam, RMSProp, Lion, one's own.
//
// Such an optimizer declares its hyperparameters (core/fields), and says how a step goes:
//
//   struct SignDescent {
//     …fields, kind, Describe…
//     struct Rule {                       // the numbers of one step, and the formula
//       double step_size, beta;
//       template <class T>
//       void operator()(T& x, const T& g, T& average) const {
//         average = beta * average + (1 - beta) * g;
//         x -= step_size * sign(average);
//       }
//     };
//     static ElementStates States(const SignDescent&) { return {{.name = "average"}}; }
//     static Rule At(const Present<SignDescent>& now) {
//       return {now[&SignDescent::step_size], now[&SignDescent::beta]};
//     }
//     DESCENT_ELEMENTWISE_OPTIMIZER(SignDescent)
//   };
//   extern template class internal::FlatUpdate<SignDescent::Rule>;  // it is in rules.cc
//
// The last line is for an optimizer of this library: its loop is compiled once, with flags for
// speed (flat_update.h). One's own works without.
//
// What else may be said of a state is a field of it (element_state.h). Numbers that the rule keeps
// between steps are a second argument of `At`, a struct with a `Describe` of its own. An optimizer
// that has something left to do for each parameter by itself, or states of other shapes, is one of
// parameterwise.h. Such an optimizer works in any ElementwiseAlgebra: on flat buffers in one pass,
// elsewhere by the space's operations. It composes with the wrappers and has parameter groups.
#ifndef DESCENT_CORE_OPTIMIZER_ELEMENTWISE_H_
#define DESCENT_CORE_OPTIMIZER_ELEMENTWISE_H_

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/optimizer/dials.h"
#include "core/optimizer/element.h"
#include "core/optimizer/element_parts.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise_base.h"
#include "core/optimizer/flat_update.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/method.h"
#include "core/optimizer/optimizer.h"
#include "core/optimizer/present.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent {

// This stands in for the memory of a rule that keeps no numbers.
struct NoMemory {
  template <class Self, class Visit>
  static void Describe(Self&, Visit&&) {}
};

namespace internal {

// Learns from the type of `At` which rule it gives and which numbers that rule keeps.
template <class At>
struct RuleAt;
template <class O, class R>
struct RuleAt<R (*)(const Present<O>&)> {
  using Rule = R;
  using Memory = NoMemory;
  static R Make(const Present<O>& now, NoMemory&) { return O::At(now); }
};
template <class O, class R, class M>
struct RuleAt<R (*)(const Present<O>&, M&)> {
  using Rule = R;
  using Memory = M;
  static R Make(const Present<O>& now, M& memory) { return O::At(now, memory); }
};
template <class O>
using RuleOf = RuleAt<decltype(&O::At)>;

}  // namespace internal

template <class O>
concept ElementwiseRule = Declared<O> && requires(const O& options) {
  typename internal::RuleOf<O>::Rule;
  { O::States(options) } -> std::same_as<ElementStates>;
};

template <ElementwiseAlgebra X, ElementwiseRule O>
class ElementwiseMethod : public internal::ElementwiseBase<X> {
 public:
  // Throws std::invalid_argument naming the field or group.
  ElementwiseMethod(const O& options, const X& x0, std::span<const ParameterGroup> groups = {})
      : ElementwiseMethod(Parts(options, groups), O::States(options), x0, groups) {}

  void Step(const X& gradient, Evaluator<X>&) override {
    this->Begin();
    for (size_t i = 0; i < parts_.size(); ++i) {
      const internal::PartPlaces& places = this->places()[i];
      if (places.frozen) continue;
      Part& part = parts_[i];
      const Present<O> now(part.options, part.dials, this->steps());
      Apply(RuleOf::Make(now, part.memory), places.ranges, gradient);
      Finish(now, places);
    }
  }

 protected:
  // Does what there is to do after the pass over a part's numbers; by default there is nothing.
  virtual void Finish(const Present<O>& /*now*/, const internal::PartPlaces& /*places*/) {}

 private:
  using RuleOf = internal::RuleOf<O>;
  using Rule = typename RuleOf::Rule;
  using Parts = internal::ElementParts<O, typename RuleOf::Memory>;
  using Part = typename Parts::Part;

  ElementwiseMethod(Parts parts, const ElementStates& states, const X& x0,
                    std::span<const ParameterGroup> groups)
      : internal::ElementwiseBase<X>(Dials(parts.Sequences()), states, x0, groups),
        parts_(std::move(parts)) {
    parts_.Connect(this->dials());
    for (size_t i = 0; i < parts_.size(); ++i) this->places()[i].step_size = parts_.StepSize(i);
  }

  void VisitMemories(StateVisitor<X>& visitor) override {
    for (size_t i = 0; i < parts_.size(); ++i) {
      RuleOf::Memory::Describe(parts_[i].memory, [&](std::string_view name, double& number) {
        visitor.Number(parts_[i].prefix + std::string(name), number);
      });
    }
  }

  void Apply(const Rule& rule, std::span<const BufferRange> ranges, const X& gradient) {
    std::vector<X>& own = this->states();
    if constexpr (FlatSpace<X>) {
      std::array<Buffers, internal::kMaxStates> states;
      for (size_t i = 0; i < own.size(); ++i) states[i] = Space<X>::buffers(own[i]);
      internal::FlatUpdate<Rule>::Run(rule, Space<X>::buffers(this->x()),
                                      Space<X>::buffers(gradient),
                                      std::span(states).first(own.size()), ranges);
    } else {
      internal::WithStates<Rule>(own.size(), [&]<size_t... I>(std::index_sequence<I...>) {
        std::array<Element<X>, sizeof...(I)> states{Element<X>(own[I])...};
        Element<X> x(this->x());
        rule(x, Element<X>::Reading(gradient), states[I]...);
      });
    }
  }

  Parts parts_;
};

// Makes an optimizer of a struct with hyperparameters and a rule.
#define DESCENT_ELEMENTWISE_OPTIMIZER(Name)                                    \
  ::absl::Status Validate() const { return ::descent::ValidateFields(*this); } \
  DESCENT_METHOD(::descent::ElementwiseAlgebra, ::descent::ElementwiseMethod<X, Name>)

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ELEMENTWISE_H_
