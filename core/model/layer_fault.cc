#include "core/model/layer_fault.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace descent {
namespace {

constexpr char kType[] = "descent/layer_fault";

}  // namespace

absl::Status FaultStatus(const LayerFault& fault, const std::string& message) {
  absl::Status status = absl::InvalidArgumentError(message);
  // None of the three has line breaks: names of layers are letters, digits, `_` and `-`.
  const std::vector<std::string> parts = {fault.path, fault.field,
                                          absl::StrCat(static_cast<int>(fault.kind))};
  status.SetPayload(kType, absl::Cord(absl::StrJoin(parts, "\n")));
  return status;
}

std::optional<LayerFault> FaultOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kType);
  if (!payload) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(std::string(*payload), '\n');
  int kind = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[2], &kind)) return std::nullopt;
  return LayerFault{parts[0], parts[1], static_cast<FaultKind>(kind)};
}

}  // namespace descent
