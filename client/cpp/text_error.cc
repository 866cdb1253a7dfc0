#include "client/cpp/text_error.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"

namespace descent::client {

absl::Status TextErrorsToStatus(std::vector<TextError> errors, const std::string& source) {
  constexpr size_t kShown = 20;
  std::stable_sort(errors.begin(), errors.end(), [](const TextError& a, const TextError& b) {
    return std::pair(a.mark.line, a.mark.column) < std::pair(b.mark.line, b.mark.column);
  });
  std::string message;
  ErrorDetail detail{.reason = "INVALID_SPEC_TEXT"};
  for (size_t i = 0; i < std::min(errors.size(), kShown); ++i) {
    const TextError& error = errors[i];
    absl::StrAppend(&message, i > 0 ? "\n" : "", source, ":");
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
