#ifndef DESCENT_SERVER_DAEMON_API_REQUESTS_H_
#define DESCENT_SERVER_DAEMON_API_REQUESTS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/training_service.pb.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/journal/journal.h"

namespace descent::daemon {

// What can be said about a request by looking at it alone: the same over gRPC and over HTTP, before
// any job hears of it. Pure functions. Errors are INVALID_ARGUMENT with every field violation that
// was found, the first of them in the message.
//
// Fields that this version does not know are refused at any depth: a command or a setting that
// would silently not happen is worse than an error.
absl::Status CheckRequest(const v1::CreateJobRequest& request);
absl::Status CheckRequest(const v1::GetJobRequest& request);
absl::Status CheckRequest(const v1::ListJobsRequest& request);
absl::Status CheckRequest(const v1::DeleteJobRequest& request);
absl::Status CheckRequest(const v1::ValidateSpecRequest& request);
absl::Status CheckRequest(const v1::WatchJobRequest& request);
absl::Status CheckRequest(const v1::CommandJobRequest& request);
absl::Status CheckRequest(const v1::PredictJobRequest& request);

// The part of a checked request that the journal understands.
WatchFilter FilterOf(const v1::WatchJobRequest& request);

// Adds the nearest of the caller's jobs to a NOT_FOUND of `name` ("did you mean jobs/mnist?").
// Other statuses come back as they are.
absl::Status WithSuggestion(absl::Status status, const Caller& caller, const std::string& name,
                            const Jobs& jobs);

// `host:port` of a loopback address, `[::1]:port`, or `localhost:port`; INVALID_ARGUMENT names
// `flag`. Without encryption and authentication nothing else may be listened on.
struct ListenAddress {
  std::string host;  // numeric: `127.0.0.1`, `::1`
  int port = 0;      // 0: any free one

  std::string ToString() const;
};
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text, std::string_view flag);

// Tries to bind, and lets go: OK if `address` can be listened on, else why not in a sentence.
absl::Status ProbeListenAddress(const ListenAddress& address, std::string_view flag);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_REQUESTS_H_
