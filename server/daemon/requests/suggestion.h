// Helps whoever mistyped a job's name. A free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_REQUESTS_SUGGESTION_H_
#define DESCENT_SERVER_DAEMON_REQUESTS_SUGGESTION_H_

#include <string>

#include "absl/status/status.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

// Adds the nearest of the caller's jobs to a NOT_FOUND of `name` ("did you mean jobs/mnist?").
// Other statuses come back as they are.
absl::Status WithSuggestion(absl::Status status, const Caller& caller, const std::string& name,
                            const Jobs& jobs);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_REQUESTS_SUGGESTION_H_
