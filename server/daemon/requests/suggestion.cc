#include "server/daemon/requests/suggestion.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/nearest.h"

namespace descent::daemon {

absl::Status WithSuggestion(absl::Status status, const Caller& caller, const std::string& name,
                            const Jobs& jobs) {
  const std::optional<std::string> id = rules::JobIdOf(name);
  if (status.code() != absl::StatusCode::kNotFound || !id) return status;
  std::vector<std::string> ids;
  for (const v1::Job& job : jobs.Snapshot(caller)) {
    std::optional<std::string> other = rules::JobIdOf(job.name());
    if (other && other != id) ids.push_back(*std::move(other));
  }
  const std::string meant = rules::Nearest(*id, ids);
  if (meant.empty()) return status;
  const std::string nearest = rules::JobName(meant);
  ErrorDetail detail = GetErrorDetail(status);
  detail.metadata["suggestion"] = nearest;
  return MakeError(status.code(),
                   absl::StrCat(std::string(status.message()), "; did you mean ", nearest, "?"),
                   detail);
}

}  // namespace descent::daemon
