// A parameter group gives some parameters, chosen by a pattern of their names, hyperparameters of
// their own.
//
// Within one optimizer a group is some ranges of the flat buffer. What a group does not set it
// inherits, also when the dial is turned. A parameter belongs to the first group that fits. Free
// functions; any thread.
#ifndef DESCENT_CORE_OPTIMIZER_GROUPS_H_
#define DESCENT_CORE_OPTIMIZER_GROUPS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/model/flat_parameters.h"
#include "core/optimizer/flat_update.h"
#include "core/optimizer/hyperparameters.h"
#include "core/space/flat_space.h"

namespace descent {

struct ParameterGroup {
  // The name in those of its dials, `groups.bias.step_size`: letters, digits, `_` and `-`; unique.
  std::string name;
  // The pattern of the parameters' names (core/model/pattern.h).
  std::string pattern;
  // True if its parameters stay as they are.
  bool frozen = false;
  // The values of the fields that it does not inherit.
  std::vector<std::pair<std::string, FieldValue>> values = {};
};

// Gives INVALID_ARGUMENT naming the group whose name is empty, odd or there twice.
absl::Status ValidateGroups(std::span<const ParameterGroup> groups);

// Gives for each parameter 0 if it is of no group, else 1 + the group's place in the list.
std::vector<size_t> GroupOwners(std::span<const ParameterGroup> groups,
                                std::span<const Parameter> parameters);

// Throws std::invalid_argument naming the group that has no parameter, or that ValidateGroups
// refuses.
void CheckOwners(std::span<const ParameterGroup> groups, std::span<const size_t> owners);

// Gives the ranges of the parameters of each owner below `count`; neighbours are joined.
std::vector<std::vector<BufferRange>> OwnedRanges(std::span<const size_t> owners, size_t count,
                                                  std::span<const Parameter> parameters,
                                                  Buffers buffers);

namespace internal {
int64_t Elements(const at::Tensor& buffer);
}  // namespace internal

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_GROUPS_H_
