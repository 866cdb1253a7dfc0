// A job's dials, as far as the daemon knows them: by the names in its summary. Free functions; any
// thread.
#ifndef DESCENT_SERVER_DAEMON_JOBS_DIALS_H_
#define DESCENT_SERVER_DAEMON_JOBS_DIALS_H_

#include "absl/status/status.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/training_service.pb.h"

namespace descent::daemon {

// Gives INVALID_ARGUMENT for a path that is no dial of this job, or not clearly one
// (rules::MatchDials); it says which there are. Values and ranges are the worker's to judge.
absl::Status CheckDials(const v1::CommandJobRequest& request, const v1::SpecSummary& summary);

// Fills in SpecSummary.step_sizes if it is empty: `optimizer.KIND.step_size`, in a system one of
// each player, as far as they are among the summary's dials.
void FindStepSizes(const v1::Spec& spec, v1::SpecSummary* summary);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_DIALS_H_
