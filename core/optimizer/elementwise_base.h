// `ElementwiseBase` is all of an element-wise method that does not depend on its rule: the
// solution, the states, and which parameters belong to which part.
//
// The method's parts are the parameters of no group, then each group's. The class is compiled once
// for each space, not for each optimizer. Not thread-safe.
#ifndef DESCENT_CORE_OPTIMIZER_ELEMENTWISE_BASE_H_
#define DESCENT_CORE_OPTIMIZER_ELEMENTWISE_BASE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/optimizer/dials.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/flat_update.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/method.h"
#include "core/optimizer/parts.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent::internal {

// Where the parameters of one part are.
struct PartPlaces {
  bool frozen = false;
  const Dial* step_size = nullptr;  // null if it has none
  std::vector<BufferRange> ranges = {};
  std::vector<size_t> parameters = {};  // their places among the model's
};

template <ElementwiseAlgebra X>
class ElementwiseBase : public Method<X> {
 public:
  const X& solution() const override { return x_; }
  X* movable() override { return has_points_ ? nullptr : &x_; }
  const X& average() const override { return evaluated_ && steps_ > 0 ? states_[*evaluated_] : x_; }
  std::span<Dial* const> dials() override { return dials_.list(); }
  const Dial* step_size_of(size_t parameter) override {
    return places_[owners_.empty() ? 0 : owners_[parameter]].step_size;
  }

  Places frozen() const override {
    Places frozen;
    for (size_t i = 0; i < owners_.size(); ++i) {
      if (places_[owners_[i]].frozen) frozen.push_back(i);
    }
    return frozen;
  }
  // Takes the parameters out of every part: decay and averages move also what has no gradient.
  void Hold(const Places& frozen) override {
    if constexpr (NamedParameters<X>) {
      if (frozen.empty()) return;
      std::vector<size_t> owners = owners_;
      for (const size_t place : frozen) owners[place] = places_.size();
      Distribute(owners);
      if (evaluated_) AssignAt(frozen, x_, states_[*evaluated_]);
    }
  }

  void Visit(StateVisitor<X>& visitor) override {
    dials_.Visit(visitor);
    visitor.Integer("steps", steps_);
    VisitMemories(visitor);
    visitor.Space("solution", x_);
    for (size_t i = 0; i < states_.size(); ++i) {
      if (!names_[i].empty()) visitor.Space(names_[i], states_[i]);
    }
  }

 protected:
  // Throws std::invalid_argument naming the group that is wrong.
  ElementwiseBase(Dials dials, const ElementStates& states, const X& x0,
                  std::span<const ParameterGroup> groups)
      : dials_(std::move(dials)), x_(copy(x0)), places_(1 + groups.size()) {
    for (size_t i = 0; i < groups.size(); ++i) places_[1 + i].frozen = groups[i].frozen;
    if constexpr (FlatSpace<X>) {
      AssignRanges(groups);
    } else if (!groups.empty()) {
      throw std::invalid_argument("parameter groups need a model: this solution has no names");
    }
    for (const ElementState& state : states) {
      if (state.evaluated) evaluated_ = states_.size();
      has_points_ = has_points_ || state.point;
      names_.emplace_back(state.name);
      states_.push_back(state.point ? copy(x0) : zeros_like(x0));
      if (state.initial != 0) shift(state.initial, states_.back());
    }
  }

  // Shows the visitor the numbers that each part's rule keeps.
  virtual void VisitMemories(StateVisitor<X>& visitor) = 0;

  // Begins a step with the dials' next values.
  void Begin() {
    dials_.Use();
    ++steps_;
  }

  int64_t steps() const { return steps_; }
  X& x() { return x_; }
  std::vector<X>& states() { return states_; }
  std::vector<PartPlaces>& places() { return places_; }

 private:
  void AssignRanges(std::span<const ParameterGroup> groups) {
    if constexpr (NamedParameters<X>) {
      owners_ = GroupOwners(groups, x_.parameters());
      CheckOwners(groups, owners_);
      Distribute(owners_);
    } else if (!groups.empty()) {
      throw std::invalid_argument("parameter groups need a model: a tensor has no names");
    }
    if (groups.empty()) {
      std::vector<BufferRange>& ranges = places_.front().ranges;
      ranges.clear();
      const Buffers buffers = Space<X>::buffers(x_);
      for (size_t i = 0; i < buffers.size(); ++i) {
        ranges.push_back({i, 0, Elements(buffers[i])});
      }
    }
  }

  // Gives each part the parameters that it owns.
  void Distribute(std::span<const size_t> owners) {
    const std::vector<std::vector<BufferRange>> ranges =
        OwnedRanges(owners, places_.size(), x_.parameters(), Space<X>::buffers(x_));
    for (size_t i = 0; i < places_.size(); ++i) {
      places_[i].ranges = ranges[i];
      places_[i].parameters.clear();
    }
    for (size_t i = 0; i < owners.size(); ++i) {
      if (owners[i] < places_.size()) places_[owners[i]].parameters.push_back(i);
    }
  }

  Dials dials_;
  int64_t steps_ = 0;
  X x_;
  std::vector<std::string> names_;
  std::vector<X> states_;
  std::optional<size_t> evaluated_;  // the state that is evaluated, if one is
  bool has_points_ = false;
  std::vector<PartPlaces> places_;
  std::vector<size_t> owners_;  // the part that each parameter of a model belongs to
};

}  // namespace descent::internal

#endif  // DESCENT_CORE_OPTIMIZER_ELEMENTWISE_BASE_H_
