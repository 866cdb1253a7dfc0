// What is served at which path, and by which rule (security/rules.h): one row for each path and
// verb. What has no row is not served. Pure functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_HTTP_PATHS_H_
#define DESCENT_SERVER_DAEMON_HTTP_PATHS_H_

#include <span>
#include <string>
#include <string_view>

#include "client/dashboard/embedded.h"

namespace descent::daemon {

// What is served.
enum class Served {
  kAsset,
  kHealth,
  kReady,
  kMetrics,
  kList,
  kJob,
  kCommand,
  kWatch,
  kOpenSession,
  kCloseSession,
  kWhoAmI,
};

struct PathRow {
  std::string_view verb;  // GET stands for HEAD too
  std::string_view path;  // `/v1/jobs/{job}:watch`; `/` stands for all of the dashboard's files
  Served served;
  std::string_view rule;  // a method of TrainingService, or verb and path
};

// All of them.
std::span<const PathRow> PathRows();

// Where a path belongs.
struct PathMatch {
  std::string_view path = {};               // of the rows; empty: nothing is served there
  std::string job = {};                     // `jobs/mnist`, of paths with {job}
  const dashboard::Asset* asset = nullptr;  // of the dashboard's

  // Gives the row for this verb, or null if there is none.
  const PathRow* Find(std::string_view verb) const;
  // Gives the verbs that there are: `GET, HEAD, OPTIONS`.
  std::string Allowed() const;
};
PathMatch MatchPath(const std::string& path);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_PATHS_H_
