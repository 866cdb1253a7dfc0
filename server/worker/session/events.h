// What a run tells besides its iterations, as events of the journal. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_SESSION_EVENTS_H_
#define DESCENT_SERVER_WORKER_SESSION_EVENTS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "core/train/trainer.h"
#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/worker/session/request.h"

namespace descent::worker {

// Gives where an attempt is until it says that it runs: PREPARING or, for any attempt but a job's
// first, RECOVERING.
::descent::v1::JobState StateBeforeRunning(const v1::Start& start);

// Makes a notice. Long texts are cut, here and below.
::descent::v1::Event NoticeEvent(::descent::v1::Notice::Severity severity,
                                 const std::string& message);

// Makes a change of state. An iteration of −1 says that there was none yet.
::descent::v1::Event StateEvent(::descent::v1::JobState from, ::descent::v1::JobState to,
                                int64_t iteration, const std::string& reason);

// Makes a run's end as FAILED. error_reason is one of proto/rules/reasons.h.
::descent::v1::Event FailedEvent(::descent::v1::JobState from, int64_t iteration,
                                 const std::string& cause, const char* error_reason);

// Tells of a request that took effect at `iteration`; takes the changes and commands out of
// `effect`.
::descent::v1::Event AppliedEvent(const ::descent::v1::CommandAccepted& request, int64_t iteration,
                                  Effect* effect, std::optional<int64_t> reapplied_from);

::descent::v1::Event RejectedEvent(const ::descent::v1::CommandAccepted& request,
                                   const Refusal& refusal);

// Fills in a boundary's numbers: every field but those that all events have.
void FillIteration(const Trainer::Boundary& boundary, double elapsed_seconds,
                   ::descent::v1::Iteration* iteration);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_EVENTS_H_
