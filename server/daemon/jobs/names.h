// The names of jobs, as requests give them. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOBS_NAMES_H_
#define DESCENT_SERVER_DAEMON_JOBS_NAMES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::daemon {

// Checks rules::IsJobId. INVALID_ARGUMENT names the field and the rule.
absl::Status CheckJobId(const std::string& job_id);

// Gives `calm-otter-4f2a`: readable, and hardly ever the same twice.
std::string DrawJobId();

// Gives the id of `jobs/{job}`. INVALID_ARGUMENT if it is no such name.
absl::StatusOr<std::string> ParseJobName(const std::string& name);

// Gives NOT_FOUND.
absl::Status NoSuchJob(const std::string& name);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_NAMES_H_
