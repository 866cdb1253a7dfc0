#include "server/daemon/http/paths.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace descent::daemon {
namespace {

constexpr PathRow kRows[] = {
    {"GET", "/healthz", Served::kHealth, "GET /healthz"},
    {"GET", "/readyz", Served::kReady, "GET /readyz"},
    {"GET", "/metrics", Served::kMetrics, "GET /metrics"},
    {"GET", "/v1/jobs", Served::kList, "ListJobs"},
    {"GET", "/v1/jobs/{job}", Served::kJob, "GetJob"},
    {"POST", "/v1/jobs/{job}:command", Served::kCommand, "CommandJob"},
    {"GET", "/v1/jobs/{job}:watch", Served::kWatch, "WatchJob"},
    {"POST", "/v1/session", Served::kOpenSession, "POST /v1/session"},
    {"DELETE", "/v1/session", Served::kCloseSession, "DELETE /v1/session"},
    {"GET", "/v1/whoami", Served::kWhoAmI, "GET /v1/whoami"},
    {"GET", "/", Served::kAsset, "GET /"},
};

// Gives the path as it stands in the rows, or nothing.
std::string_view Known(std::string_view path) {
  const auto* const row = std::ranges::find(kRows, path, &PathRow::path);
  return row == std::end(kRows) ? std::string_view() : row->path;
}

}  // namespace

std::span<const PathRow> PathRows() { return kRows; }

const PathRow* PathMatch::Find(std::string_view verb) const {
  if (verb == "HEAD") verb = "GET";
  const auto* const row = std::ranges::find_if(
      kRows, [&](const PathRow& other) { return other.path == path && other.verb == verb; });
  return row == std::end(kRows) ? nullptr : row;
}

std::string PathMatch::Allowed() const {
  std::string allowed;
  for (const PathRow& row : kRows) {
    if (row.path != path) continue;
    absl::StrAppend(&allowed, std::string(row.verb), ", ", row.verb == "GET" ? "HEAD, " : "");
  }
  return allowed + "OPTIONS";
}

PathMatch MatchPath(const std::string& path) {
  constexpr std::string_view kJobs = "/v1/jobs/";
  if (path.starts_with(kJobs)) {
    const size_t colon = path.rfind(':');
    const std::string verb = colon == std::string::npos ? "" : path.substr(colon);
    return {.path = Known("/v1/jobs/{job}" + verb),
            .job = path.substr(4, colon == std::string::npos ? colon : colon - 4)};
  }
  for (const dashboard::Asset& asset : dashboard::Assets()) {
    if (asset.path == path) return {.path = "/", .asset = &asset};
  }
  if (path == "/") return {};  // no page was built in
  return {.path = Known(path)};
}

}  // namespace descent::daemon
