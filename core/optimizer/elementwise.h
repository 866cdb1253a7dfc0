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
// each parameter by itself (`Finish`). It works in any ElementwiseAlgebra: on flat buffers in one
// pass, elsewhere by the space's operations. It composes with the wrappers and has parameter
// groups.
#ifndef DESCENT_CORE_OPTIMIZER_ELEMENTWISE_H_
#define DESCENT_CORE_OPTIMIZER_ELEMENTWISE_H_

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
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/element.h"
#include "core/optimizer/flat_update.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/run.h"
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
class ElementwiseMethod {
 public:
  ElementwiseMethod(const O& options, const X& x0) : ElementwiseMethod(options, x0, {}) {}
  // Throws std::invalid_argument naming the field or group.
  ElementwiseMethod(const O& options, const X& x0, std::span<const ParameterGroup> groups)
      : parts_(Parts(options, groups)), dials_(AllSequences(parts_)), x_(copy(x0)) {
    for (const auto& part : parts_) {
      ThrowUnlessOk(part->options.Validate());
      ConnectDials(*part);
    }
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
  }

  const X& solution() const { return x_; }
  const X& point() const { return x_; }
  X* movable() {
    if constexpr (requires { O::kOtherPoints; }) return nullptr;
    return &x_;
  }
  const X& average() const {
    if constexpr (requires { O::AverageState; }) {
      if (step_ > 0) return states_[O::AverageState];
    }
    return x_;
  }
  std::span<Dial* const> dials() { return dials_.list(); }

  void Step(const X& gradient) {
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

  void Visit(StateVisitor<X>& visitor) {
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
  }

 private:
  using Memory = typename internal::MemoryOf<O>::Type;

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
        hyperparameter.range.field = part->prefix + hyperparameter.range.field;
        all.push_back(std::move(hyperparameter));
      }
    }
    return all;
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

  static constexpr bool kFinishes =
      requires(const Present<O>& now, const at::Tensor& x, std::span<const at::Tensor> states) {
        O::Finish(now, x, states);
      };
  static_assert(!kFinishes || FlatSpace<X>, "this optimizer needs tensors");

  // For each parameter by itself; a tensor is one.
  void Finish(const Present<O>& now, const Part& part) {
    std::array<at::Tensor, internal::kMaxStates> states;
    const auto finish = [&](const at::Tensor& x, auto state) {
      for (size_t i = 0; i < states_.size(); ++i) states[i] = state(states_[i]);
      O::Finish(now, x, std::span(states).first(states_.size()));
    };
    if constexpr (requires { x_.parameters(); }) {
      for (const size_t p : part.parameters) {
        finish(x_.parameters()[p].tensor, [p](X& s) { return s.parameters()[p].tensor; });
      }
    } else {
      finish(Space<X>::buffers(x_)[0], [](X& s) { return Space<X>::buffers(s)[0]; });
    }
  }

  void AssignRanges(std::span<const ParameterGroup> groups) {
    if constexpr (requires { x_.parameters(); }) {
      const std::vector<size_t> owners = GroupOwners(groups, x_.parameters());
      for (size_t i = 0; i < owners.size(); ++i) parts_[owners[i]]->parameters.push_back(i);
    }
    if (groups.empty()) {
      const Buffers buffers = Space<X>::buffers(x_);
      for (size_t i = 0; i < buffers.size(); ++i) {
        parts_.front()->ranges.push_back({i, 0, internal::Elements(buffers[i])});
      }
    } else if constexpr (requires { x_.parameters(); }) {
      const std::vector<std::vector<BufferRange>> ranges =
          GroupRanges(groups, x_.parameters(), Space<X>::buffers(x_));
      for (size_t i = 0; i < parts_.size(); ++i) parts_[i]->ranges = ranges[i];
    } else {
      throw std::invalid_argument("parameter groups need a model: a tensor has no names");
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
};

// What makes a struct with hyperparameters and a rule an optimizer:
//   MethodFor<X>; Validate() → INVALID_ARGUMENT naming the field;
//   (x0, objective) → the range, from a copy of x0 (std::invalid_argument where Validate() gives an
//   error).
#define DESCENT_ELEMENTWISE_OPTIMIZER(Name)                                       \
  template <::descent::ElementwiseAlgebra X>                                      \
  using MethodFor = ::descent::ElementwiseMethod<X, Name>;                        \
  ::absl::Status Validate() const { return ::descent::ValidateFields(*this); }    \
  template <::descent::ElementwiseAlgebra X, ::descent::Objective<X> F>           \
  ::descent::Run<X, F, MethodFor<X>> operator()(const X& x0, F objective) const { \
    return {MethodFor<X>(*this, x0), std::move(objective)};                       \
  }

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ELEMENTWISE_H_
