// Whether a job is small enough to be told. A free function; any thread.
#ifndef DESCENT_SERVER_WORKER_SESSION_JOB_SIZE_H_
#define DESCENT_SERVER_WORKER_SESSION_JOB_SIZE_H_

#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks that a job of this resolved spec can be told to everybody (server/common/limits.h); if
// not, the violation names what takes the most.
void CheckJobSize(const ::descent::v1::Spec& spec, const ::descent::v1::SpecSummary& summary,
                  Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_JOB_SIZE_H_
