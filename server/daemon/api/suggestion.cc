#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "server/daemon/api/requests.h"

namespace descent::daemon {
namespace {

// Levenshtein's distance.
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

absl::Status WithSuggestion(absl::Status status, const Caller& caller, const std::string& name,
                            const Jobs& jobs) {
  if (status.code() != absl::StatusCode::kNotFound || name.size() > 128) return status;
  std::string nearest;
  // Names further away than a third of their length are other names, not slips.
  size_t best = std::max<size_t>(2, (name.size() - std::min<size_t>(5, name.size())) / 3) + 1;
  for (const v1::Job& job : jobs.Snapshot(caller)) {
    if (job.name() == name) continue;
    const size_t distance = Distance(name, job.name());
    if (distance < best) {
      best = distance;
      nearest = job.name();
    }
  }
  if (nearest.empty()) return status;
  ErrorDetail detail = GetErrorDetail(status);
  detail.metadata["suggestion"] = nearest;
  return MakeError(status.code(),
                   absl::StrCat(std::string(status.message()), "; did you mean ", nearest, "?"),
                   detail);
}

}  // namespace descent::daemon
