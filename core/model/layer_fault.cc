#include "core/model/layer_fault.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace descent {
namespace {

constexpr char kType[] = "descent/layer_fault";

}  // namespace

absl::Status FaultStatus(const LayerFault& fault, const std::string& message) {
  absl::Status status = absl::InvalidArgumentError(message);
  // None of the three has line breaks: names of layers are letters, digits, `_` and `-`.
  const std::vector<std::string> parts = {fault.path, fault.field, fault.reason};
  status.SetPayload(kType, absl::Cord(absl::StrJoin(parts, "\n")));
  return status;
}

std::optional<LayerFault> FaultOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kType);
  if (!payload) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(std::string(*payload), '\n');
  if (parts.size() != 3) return std::nullopt;
  return LayerFault{parts[0], parts[1], parts[2]};
}

}  // namespace descent
