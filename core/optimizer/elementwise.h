// Optimizers whose step is a formula on each number by itself: Adam, RMSProp, Lion, one's own.
//
// Such an optimizer declares its hyperparameters (hyperparameters.h), and says how a step goes:
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
//     static std::vector<std::string_view> States(const SignDescent&) { return {"average"}; }
//     static Rule At(const Present<SignDescent>& now) {
//       return {now[&SignDescent::step_size], now[&SignDescent::beta]};
//     }
//     DESCENT_ELEMENTWISE_OPTIMIZER(SignDescent)
//   };
//
// Besides, it may have: numbers that it keeps between steps (`Memory`, handed to `At` as a second
// argument), states that don't begin at 0 (`InitialState`, `BeginsAtSolution`) or are scratch
// memory (an empty name), a state that is to be evaluated in place of x (`AverageState`), other
// points that go with x, so that nobody else may move it (`kOtherPoints`), something left to do for
// each parameter by itself (`Finish`, finish.h) and states for that of other shapes (`OwnStates`).
// It works in any ElementwiseAlgebra: on flat buffers in one pass, elsewhere by the space's
// operations. It composes with the wrappers and has parameter groups.
#ifndef DESCENT_CORE_OPTIMIZER_ELEMENTWISE_H_
#define DESCENT_CORE_OPTIMIZER_ELEMENTWISE_H_

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/element.h"
#include "core/optimizer/finish.h"
#include "core/optimizer/flat_update.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/method.h"
#include "core/optimizer/optimizer.h"
#include "core/optimizer/parts.h"
#include "core/sequence/sequence.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent {

// The hyperparameters as they are in one step: `now[&Adam::beta1]` of the dials, `now->epsilon` of
// the fixed ones.
template <class O>
class Present {
 public:
  Present(const O& options, std::span<const Dial* const> dials, int64_t step)
      : options_(options), dials_(dials), step_(step) {}

  double operator[](Sequence O::* field) const {
    size_t index = 0;
    const Dial* found = nullptr;
    O::Describe(options_, [&]<class Field>(auto&&, const Field& other) {
      if constexpr (std::same_as<Field, Sequence>) {
        if (&other == &(options_.*field)) found = dials_[index];
        ++index;
      }
    });
    return found->used.value();
  }
  const O* operator->() const { return &options_; }
  // 1 for the first.
  int64_t step() const { return step_; }

 private:
  const O& options_;
  std::span<const Dial* const> dials_;
  int64_t step_;
};

// For rules that keep no numbers.
struct NoMemory {
  template <class Self, class Visit>
  static void Describe(Self&, Visit&&) {}
};

namespace internal {

template <class O>
struct MemoryOf {
  using Type = NoMemory;
};
template <class O>
  requires requires { typename O::Memory; }
struct MemoryOf<O> {
  using Type = typename O::Memory;
};

}  // namespace internal

template <class O>
concept ElementwiseRule = Declared<O> && requires(const O& options) {
  typename O::Rule;
  { O::States(options) } -> std::same_as<std::vector<std::string_view>>;
};

template <ElementwiseAlgebra X, ElementwiseRule O>
class ElementwiseMethod : public Method<X> {
 public:
  ElementwiseMethod(const O& options, const X& x0) : ElementwiseMethod(options, x0, {}) {}
  // Throws std::invalid_argument naming the field or group.
  ElementwiseMethod(const O& options, const X& x0, std::span<const ParameterGroup> groups)
      : parts_(Parts(options, groups)), dials_(AllSequences(parts_)), x_(copy(x0)) {
    for (const auto& part : parts_) ConnectDials(*part);
    if constexpr (FlatSpace<X>) {
      AssignRanges(groups);
    } else if (!groups.empty()) {
      throw std::invalid_argument("parameter groups need a model: this solution has no names");
    }
    for (const std::string_view name : O::States(options)) {
      names_.push_back(std::string(name));
      if constexpr (requires { O::BeginsAtSolution(size_t{0}); }) {
        states_.push_back(O::BeginsAtSolution(states_.size()) ? copy(x0) : zeros_like(x0));
      } else {
        states_.push_back(zeros_like(x0));
      }
      if constexpr (requires { O::InitialState(options, size_t{0}); }) {
        const double initial = O::InitialState(options, states_.size() - 1);
        if (initial != 0) shift(initial, states_.back());
      }
    }
    MakeOwnStates();
  }

  const X& solution() const override { return x_; }
  X* movable() override {
    if constexpr (requires { O::kOtherPoints; }) return nullptr;
    return &x_;
  }
  const X& average() const override {
    if constexpr (requires { O::AverageState; }) {
      if (step_ > 0) return states_[O::AverageState];
    }
    return x_;
  }
  std::span<Dial* const> dials() override { return dials_.list(); }
  const Dial* step_size_of(size_t parameter) override {
    const Part& part = owners_.empty() ? *parts_.front() : *parts_[owners_[parameter]];
    const std::vector<Hyperparameter> sequences = SequencesOf(part.options);
    const bool first = !sequences.empty() && sequences.front().range.field == "step_size";
    return first ? part.dials.front() : nullptr;
  }

  Places frozen() const override {
    Places places;
    for (size_t i = 0; i < owners_.size(); ++i) {
      if (parts_[owners_[i]]->frozen) places.push_back(i);
    }
    return places;
  }
  // Takes them out of every part: decay and averages move also what has no gradient.
  void Hold(const Places& frozen) override {
    if constexpr (NamedParameters<X>) {
      if (frozen.empty()) return;
      std::vector<size_t> owners = owners_;
      for (const size_t place : frozen) owners[place] = parts_.size();
      Distribute(owners);
      if constexpr (requires { O::AverageState; }) AssignAt(frozen, x_, states_[O::AverageState]);
    }
  }

  void Step(const X& gradient, Evaluator<X>&) override {
    dials_.Use();
    ++step_;
    for (const auto& part : parts_) {
      if (part->frozen) continue;
      const Present<O> now(part->options, part->dials, step_);
      if constexpr (requires { O::At(now, part->memory); }) {
        Apply(O::At(now, part->memory), *part, gradient);
      } else {
        Apply(O::At(now), *part, gradient);
      }
      if constexpr (kFinishes) Finish(now, *part);
    }
  }

  void Visit(StateVisitor<X>& visitor) override {
    dials_.Visit(visitor);
    visitor.Integer("steps", step_);
    for (const auto& part : parts_) {
      Memory::Describe(part->memory, [&](std::string_view name, double& number) {
        visitor.Number(part->prefix + std::string(name), number);
      });
    }
    visitor.Space("solution", x_);
    for (size_t i = 0; i < states_.size(); ++i) {
      if (!names_[i].empty()) visitor.Space(names_[i], states_[i]);
    }
    for (Own& own : own_) {
      for (size_t i = 0; i < own.states.size(); ++i) {
        if constexpr (FlatSpace<X>) {
          visitor.Tensor(own.names[i], own.states[i]);
        } else {
          visitor.Space(own.names[i], own.states[i]);
        }
      }
    }
  }

 private:
  using Memory = typename internal::MemoryOf<O>::Type;
  // What `Finish` sees one after the other.
  using P = std::conditional_t<FlatSpace<X>, at::Tensor, X>;

  // The parameters of no group come first, then each group's. On the heap: dials refer to options.
  struct Part {
    O options;
    std::string prefix;
    bool frozen = false;
    std::vector<std::string> own = {};  // the fields that a group doesn't inherit
    std::vector<const Dial*> dials = {};
    std::vector<BufferRange> ranges = {};
    std::vector<size_t> parameters = {};  // their places among the model's
    Memory memory = {};
  };
  using PartList = std::vector<std::unique_ptr<Part>>;

  static PartList Parts(const O& options, std::span<const ParameterGroup> groups) {
    PartList parts;
    ThrowUnlessOk(options.Validate());
    parts.push_back(std::make_unique<Part>(Part{options, ""}));
    for (const ParameterGroup& group : groups) {
      auto part = std::make_unique<Part>(Part{options, "groups." + group.name + ".", group.frozen});
      for (const auto& [field, value] : group.values) {
        const absl::Status status = SetField(field, value, part->options);
        if (!status.ok()) {
          throw std::invalid_argument(part->prefix + std::string(status.message()));
        }
        part->own.push_back(field);
      }
      // What it inherits may not go with what is its own.
      if (const absl::Status status = part->options.Validate(); !status.ok()) {
        throw std::invalid_argument(part->prefix + std::string(status.message()));
      }
      parts.push_back(std::move(part));
    }
    return parts;
  }

  static bool Has(const Part& part, const std::string& field) {
    for (const std::string& own : part.own) {
      if (own == field) return true;
    }
    return false;
  }

  static std::vector<Hyperparameter> AllSequences(const PartList& parts) {
    std::vector<Hyperparameter> all;
    for (const auto& part : parts) {
      for (Hyperparameter& hyperparameter : SequencesOf(part->options)) {
        if (part != parts.front() && !Has(*part, hyperparameter.range.field)) continue;
        if (part == parts.front()) RestrictInherited(parts, hyperparameter.range);
        hyperparameter.range.field = part->prefix + hyperparameter.range.field;
        all.push_back(std::move(hyperparameter));
      }
    }
    return all;
  }

  // A dial that groups inherit may be turned to what is right for all of them.
  static void RestrictInherited(const PartList& parts, Range& range) {
    for (const auto& part : parts) {
      if (Has(*part, range.field)) continue;
      for (const Hyperparameter& same : SequencesOf(part->options)) {
        if (same.range.field == range.field) range.max = std::min(range.max, same.range.max);
      }
    }
  }

  // Each of the part's sequences is a dial of its own or, inherited, the one of the first part.
  void ConnectDials(Part& part) {
    for (const Hyperparameter& hyperparameter : SequencesOf(part.options)) {
      const std::string& field = hyperparameter.range.field;
      const std::string name = Has(part, field) ? part.prefix + field : field;
      for (const Dial* dial : dials_.list()) {
        if (dial->name == name) part.dials.push_back(dial);
      }
    }
  }

  static constexpr bool kFinishes = requires(
      const Present<O>& now, const OneParameter<P>& parameter) { O::Finish(now, parameter); };

  // For each parameter by itself; an element without names is one.
  void Finish(const Present<O>& now, const Part& part) {
    if constexpr (requires { x_.parameters(); }) {
      std::array<at::Tensor, internal::kMaxStates> tensors;
      for (const size_t p : part.parameters) {
        at::Tensor x = x_.parameters()[p].tensor;
        OneParameter<P> parameter{.x = x, .states = {}, .own = OwnOf(p)};
        for (size_t i = 0; i < states_.size(); ++i) {
          tensors[i] = states_[i].parameters()[p].tensor;
          parameter.states[i] = &tensors[i];
        }
        O::Finish(now, parameter);
      }
    } else {
      static_assert(std::same_as<P, X>, "a space of several tensors has to name them");
      OneParameter<P> parameter{.x = x_, .states = {}, .own = OwnOf(0)};
      for (size_t i = 0; i < states_.size(); ++i) parameter.states[i] = &states_[i];
      O::Finish(now, parameter);
    }
  }

  // Of one parameter, those of other shapes than its own.
  struct Own {
    std::vector<std::string> names;
    std::vector<P> states;
  };

  void MakeOwnStates() {
    if constexpr (requires { O::OwnStates(std::declval<const P&>()); }) {
      const auto make = [this](const P& x, const std::string& suffix) {
        Own& own = own_.emplace_back();
        for (auto& [name, state] : O::OwnStates(x)) {
          own.names.push_back(std::string(name) + suffix);
          own.states.push_back(std::move(state));
        }
      };
      if constexpr (requires { x_.parameters(); }) {
        for (const auto& parameter : x_.parameters()) make(parameter.tensor, "/" + parameter.name);
      } else {
        make(x_, "");
      }
    }
  }

  std::span<P> OwnOf(size_t parameter) {
    return own_.empty() ? std::span<P>() : std::span<P>(own_[parameter].states);
  }

  void AssignRanges(std::span<const ParameterGroup> groups) {
    if constexpr (NamedParameters<X>) {
      owners_ = GroupOwners(groups, x_.parameters());
      CheckOwners(groups, owners_);
      Distribute(owners_);
    } else if (!groups.empty()) {
      throw std::invalid_argument("parameter groups need a model: a tensor has no names");
    }
    if (groups.empty()) {
      std::vector<BufferRange>& ranges = parts_.front()->ranges;
      ranges.clear();
      const Buffers buffers = Space<X>::buffers(x_);
      for (size_t i = 0; i < buffers.size(); ++i) {
        ranges.push_back({i, 0, internal::Elements(buffers[i])});
      }
    }
  }

  // Gives each part the parameters that it owns.
  void Distribute(std::span<const size_t> owners) {
    const std::vector<std::vector<BufferRange>> ranges =
        OwnedRanges(owners, parts_.size(), x_.parameters(), Space<X>::buffers(x_));
    for (size_t i = 0; i < parts_.size(); ++i) {
      parts_[i]->ranges = ranges[i];
      parts_[i]->parameters.clear();
    }
    for (size_t i = 0; i < owners.size(); ++i) {
      if (owners[i] < parts_.size()) parts_[owners[i]]->parameters.push_back(i);
    }
  }

  void Apply(const typename O::Rule& rule, const Part& part, const X& gradient) {
    if constexpr (FlatSpace<X>) {
      std::array<Buffers, internal::kMaxStates> states;
      for (size_t i = 0; i < states_.size(); ++i) states[i] = Space<X>::buffers(states_[i]);
      internal::FlatUpdate<typename O::Rule>::Run(
          rule, Space<X>::buffers(x_), Space<X>::buffers(gradient),
          std::span(states).first(states_.size()), part.ranges);
    } else {
      internal::WithStates<typename O::Rule>(
          states_.size(), [&]<size_t... I>(std::index_sequence<I...>) {
            std::array<Element<X>, sizeof...(I)> states{Element<X>(states_[I])...};
            Element<X> x(x_);
            rule(x, Element<X>::Reading(gradient), states[I]...);
          });
    }
  }

  PartList parts_;
  Dials dials_;
  int64_t step_ = 0;
  X x_;
  std::vector<std::string> names_;
  std::vector<X> states_;
  std::vector<Own> own_;        // of each parameter, if there are any
  std::vector<size_t> owners_;  // whose part each parameter is; of a model
};

// What makes a struct with hyperparameters and a rule an optimizer.
#define DESCENT_ELEMENTWISE_OPTIMIZER(Name)                                    \
  ::absl::Status Validate() const { return ::descent::ValidateFields(*this); } \
  DESCENT_METHOD(::descent::ElementwiseAlgebra, ::descent::ElementwiseMethod<X, Name>)

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ELEMENTWISE_H_
