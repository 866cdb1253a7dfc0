// Makes `Spec.stop_when` core's stop tests, field by field by name. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_STOP_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_STOP_SPEC_H_

#include "core/optimizer/stop_tests.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks every limit.
void ResolveStopTests(const api::StopTests& tests, Violations* violations);

descent::StopTests ToStopTests(const api::StopTests& tests);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_STOP_SPEC_H_
