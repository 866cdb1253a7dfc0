#include "core/optimizer/groups.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/flat_parameters.h"
#include "core/model/pattern.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/flat_update.h"
#include "core/space/flat_space.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

// Finds where the parameter lies. Gaps that follow it belong to nobody.
BufferRange RangeOf(const at::Tensor& parameter, Buffers buffers) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (parameter.is_alias_of(buffers[i])) {
      return {i, parameter.storage_offset() - buffers[i].storage_offset(), parameter.numel()};
    }
  }
  throw std::logic_error("a parameter lies in none of the buffers");
}

}  // namespace

absl::Status ValidateGroups(std::span<const ParameterGroup> groups) {
  std::set<std::string> names;
  for (const ParameterGroup& group : groups) {
    const bool plain = std::all_of(group.name.begin(), group.name.end(), [](unsigned char c) {
      return std::isalnum(c) || c == '_' || c == '-';
    });
    if (group.name.empty() || !plain) {
      return absl::InvalidArgumentError(
          absl::StrCat("groups: \"", ShortUtf8(group.name, 100),
                       "\" is no name of a group; give letters, digits, `_` and `-`"));
    }
    if (!names.insert(group.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("groups: two are called `", group.name, "`"));
    }
    if (group.frozen && !group.values.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("groups.", group.name, ": it is frozen, so `",
                                                     group.values[0].first, "` means nothing"));
    }
  }
  return absl::OkStatus();
}

std::vector<size_t> GroupOwners(std::span<const ParameterGroup> groups,
                                std::span<const Parameter> parameters) {
  std::vector<size_t> owners;
  for (const Parameter& parameter : parameters) {
    size_t owner = 0;
    for (size_t i = groups.size(); i-- > 0;) {
      if (MatchesPattern(groups[i].pattern, parameter.name)) owner = i + 1;
    }
    owners.push_back(owner);
  }
  return owners;
}

void CheckOwners(std::span<const ParameterGroup> groups, std::span<const size_t> owners) {
  ThrowUnlessOk(ValidateGroups(groups));
  for (size_t i = 0; i < groups.size(); ++i) {
    if (std::find(owners.begin(), owners.end(), i + 1) != owners.end()) continue;
    throw std::invalid_argument(absl::StrCat("groups.", groups[i].name, ": no parameter fits \"",
                                             ShortUtf8(groups[i].pattern, 100),
                                             "\", or earlier groups have taken them all"));
  }
}

std::vector<std::vector<BufferRange>> OwnedRanges(std::span<const size_t> owners, size_t count,
                                                  std::span<const Parameter> parameters,
                                                  Buffers buffers) {
  std::vector<std::vector<BufferRange>> ranges(count);
  size_t previous = count;  // the owner of the parameter before
  for (size_t i = 0; i < parameters.size(); ++i) {
    const size_t owner = owners[i];
    if (owner < count) {
      const BufferRange range = RangeOf(parameters[i].tensor, buffers);
      std::vector<BufferRange>& own = ranges[owner];
      // The gap between neighbours is zero and stays so, so both are one range.
      if (owner == previous && !own.empty() && own.back().buffer == range.buffer &&
          own.back().offset < range.offset) {
        own.back().count = range.offset + range.count - own.back().offset;
      } else {
        own.push_back(range);
      }
    }
    previous = owner;
  }
  return ranges;
}

namespace internal {
int64_t Elements(const at::Tensor& buffer) { return buffer.numel(); }
}  // namespace internal

}  // namespace descent
