#include "core/optimizer/hyperparameters.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/optimizer/line_search.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

absl::Status CheckField(const Range& range, const Sequence& sequence) {
  return sequence.Validate(range);
}

absl::Status CheckField(const Range& range, double value) { return range.Check(value); }

absl::Status CheckField(const Range& range, int64_t value) {
  return range.Check(static_cast<double>(value));
}

absl::Status CheckField(const Range& range, const std::string& text) {
  if (!text.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(range.field, ": it is empty"));
}

absl::Status CheckField(const Range& range, const LineSearch& search) {
  const absl::Status status = ValidateLineSearch(search);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat(range.field, ".", std::string(status.message())));
}

namespace internal {

absl::Status UnknownField(std::string_view kind, std::string_view name,
                          const std::vector<std::string>& fields) {
  return absl::NotFoundError(absl::StrCat(std::string(kind), " has no field `", std::string(name),
                                          "`; it has ", absl::StrJoin(fields, ", ")));
}

absl::Status WrongType(std::string_view name, std::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(name), ": give ", std::string(wanted)));
}

absl::Status UnknownName(std::string_view field, std::string_view name,
                         std::span<const std::string_view> names) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(field), ": there is no ", std::string(name), "; give one of ",
                   absl::StrJoin(std::vector<std::string>(names.begin(), names.end()), ", ")));
}

}  // namespace internal
}  // namespace descent
