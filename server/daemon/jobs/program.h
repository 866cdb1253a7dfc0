// Jobs that are run by people's own programs: what their specs declare, and what their workers can
// do. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOBS_PROGRAM_H_
#define DESCENT_SERVER_DAEMON_JOBS_PROGRAM_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/spec.pb.h"
#include "descent/v1/training_service.pb.h"
#include "descent/worker/v1/worker.pb.h"

namespace descent::daemon {

// Gives what a spec with a `program` says, with every default, and its summary: all of it is
// declared, so no worker is asked. INVALID_ARGUMENT names the field.
absl::StatusOr<worker::v1::Valid> ResolveProgram(const v1::Spec& spec);

// Gives INVALID_ARGUMENT for a `set` beyond the range that the program declares of its dial. The
// dials are known to be the job's (CheckDials). What `scale` leads to is the program's to judge.
absl::Status CheckRanges(const v1::CommandJobRequest& request, const v1::Job& job);

// Gives FAILED_PRECONDITION if the commands ask for what a worker can't do.
absl::Status CheckCapabilities(const v1::CommandAccepted& request,
                               const worker::v1::Capabilities& capabilities);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_PROGRAM_H_
