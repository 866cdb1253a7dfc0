// An element-wise optimizer's hyperparameters in parts. The first part is that of the parameters of
// no group; each group has one more, with dials of its own or, where it inherits, the first part's.
#ifndef DESCENT_CORE_OPTIMIZER_ELEMENT_PARTS_H_
#define DESCENT_CORE_OPTIMIZER_ELEMENT_PARTS_H_

#include <algorithm>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/present.h"
#include "core/sequence/range.h"

namespace descent::internal {

// `Memory` is the numbers that the optimizer's rule keeps between steps.
template <class O, class Memory>
struct ElementPart {
  O options;
  std::string prefix;                 // how its dials' names begin: `groups.bias.`
  std::vector<std::string> own = {};  // the fields that a group doesn't inherit
  std::vector<BoundDial> dials = {};  // in the order of the options' sequences
  Memory memory = {};

  bool Has(const std::string& field) const {
    return std::find(own.begin(), own.end(), field) != own.end();
  }
};

// Parts lie on the heap, because the dials refer to their options.
template <class O, class Memory>
class ElementParts {
 public:
  using Part = ElementPart<O, Memory>;

  // Throws std::invalid_argument naming the field or group.
  ElementParts(const O& options, std::span<const ParameterGroup> groups) {
    ThrowUnlessOk(options.Validate());
    parts_.push_back(std::make_unique<Part>(Part{options, ""}));
    for (const ParameterGroup& group : groups) {
      auto part = std::make_unique<Part>(Part{options, "groups." + group.name + "."});
      for (const auto& [field, value] : group.values) {
        const absl::Status status = descent::SetField(field, value, part->options);
        if (!status.ok()) {
          throw std::invalid_argument(part->prefix + std::string(status.message()));
        }
        part->own.push_back(field);
      }
      // What a group inherits may not go with what is its own, so the whole is checked.
      if (const absl::Status status = part->options.Validate(); !status.ok()) {
        throw std::invalid_argument(part->prefix + std::string(status.message()));
      }
      parts_.push_back(std::move(part));
    }
  }

  size_t size() const { return parts_.size(); }
  Part& operator[](size_t i) { return *parts_[i]; }

  // The result refers to the parts' options.
  std::vector<Hyperparameter> Sequences() const {
    std::vector<Hyperparameter> all;
    for (const auto& part : parts_) {
      for (Hyperparameter& hyperparameter : SequencesOf(part->options)) {
        if (part != parts_.front() && !part->Has(hyperparameter.range.field)) continue;
        if (part == parts_.front()) LimitInherited(hyperparameter);
        hyperparameter.range.field = part->prefix + hyperparameter.range.field;
        all.push_back(std::move(hyperparameter));
      }
    }
    return all;
  }

  // Each of a part's sequences is a dial of its own or, inherited, the one of the first part.
  void Connect(std::span<Dial* const> dials) {
    for (const auto& part : parts_) {
      for (const Hyperparameter& hyperparameter : SequencesOf(part->options)) {
        const std::string& field = hyperparameter.range.field;
        const std::string name = part->Has(field) ? part->prefix + field : field;
        for (const Dial* dial : dials) {
          if (dial->name == name) part->dials.push_back({&hyperparameter.sequence, dial});
        }
      }
    }
  }

  // Gives the part's step size, or null if it has none.
  const Dial* StepSize(size_t i) const {
    const std::vector<Hyperparameter> sequences = SequencesOf(parts_[i]->options);
    const bool first = !sequences.empty() && sequences.front().range.field == "step_size";
    return first ? parts_[i]->dials.front().dial : nullptr;
  }

 private:
  // A dial that groups inherit may be turned only to what is right for all of them.
  void LimitInherited(Hyperparameter& inherited) const {
    for (const auto& part : parts_) {
      if (part->Has(inherited.range.field)) continue;
      for (const Hyperparameter& same : SequencesOf(part->options)) {
        if (same.range.field != inherited.range.field) continue;
        inherited.turned = InBoth(inherited.turned, same.turned);
      }
    }
  }

  std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace descent::internal

#endif  // DESCENT_CORE_OPTIMIZER_ELEMENT_PARTS_H_
