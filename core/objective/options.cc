#include "core/objective/options.h"

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/range.h"

namespace descent {

absl::Status CheckOption(const Range& range, const OptionValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return range.Check(*number);
  if (const auto* whole = std::get_if<int64_t>(&value)) {
    return range.Check(static_cast<double>(*whole));
  }
  if (const auto* numbers = std::get_if<std::vector<double>>(&value)) {
    Range element = range;
    for (size_t i = 0; i < numbers->size(); ++i) {
      element.field = absl::StrCat(range.field, "[", i, "]");
      if (absl::Status status = element.Check((*numbers)[i]); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

namespace internal {

absl::Status NoSuchOption(std::string_view kind, const std::string& field) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(kind), " has no field `", field, "` of this type"));
}

void ThrowWrongOptions(std::string_view kind, const absl::Status& status) {
  throw std::invalid_argument(absl::StrCat(std::string(kind), ": ", status.message()));
}

}  // namespace internal
}  // namespace descent
