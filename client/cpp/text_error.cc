#include "client/cpp/text_error.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"

namespace descent::client {

absl::Status TextErrorsToStatus(std::vector<TextError> errors, const std::string& source) {
  constexpr size_t kShown = 20;
  // It is not stable_sort, whose libstdc++ 12 uses what clang knows as deprecated.
  std::multimap<std::pair<int, int>, TextError> by_place;
  for (TextError& error : errors) {
    const std::pair place(error.mark.line, error.mark.column);
    by_place.emplace(place, std::move(error));
  }
  std::string message;
  ErrorDetail detail{.reason = reason::kInvalidSpecText};
  size_t shown = 0;
  for (const auto& [place, error] : by_place) {
    if (++shown > kShown) break;
    absl::StrAppend(&message, shown > 1 ? "\n" : "", source, ":");
    if (error.mark.line > 0) {
      absl::StrAppend(&message, error.mark.line, ":", error.mark.column, ":");
    }
    if (!error.path.empty()) absl::StrAppend(&message, " ", error.path, ":");
    absl::StrAppend(&message, " ", error.message);
    detail.violations.push_back({error.path, error.message});
  }
  if (errors.size() > kShown) {
    absl::StrAppend(&message, "\n", source, ": and ", errors.size() - kShown, " more");
  }
  return MakeError(absl::StatusCode::kInvalidArgument, message, detail);
}

}  // namespace descent::client
