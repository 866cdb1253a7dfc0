// Whether the plateaus of a spec have something to go by. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_CHECK_PLATEAU_H_
#define DESCENT_SERVER_WORKER_BRIDGE_CHECK_PLATEAU_H_

#include <string>

#include "descent/v1/sequence.pb.h"
#include "server/worker/bridge/prepare.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks that what a plateau goes by is measured, and becomes better in the direction that it
// looks. `prepared` has its summary.
void CheckPlateau(const std::string& path, const api::PlateauSequence& plateau,
                  const Prepared& prepared, Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_CHECK_PLATEAU_H_
