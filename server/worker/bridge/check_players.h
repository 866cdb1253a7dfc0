// Whether the losses, data and models of a system's players go together. Free functions; any
// thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_CHECK_PLAYERS_H_
#define DESCENT_SERVER_WORKER_BRIDGE_CHECK_PLAYERS_H_

#include <vector>

#include "core/model/layers.h"
#include "server/worker/bridge/prepare.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks that losses go with what comes out of the models and with what that is compared with, that
// embeddings have a row for each index, and that batches are large enough for batch norms. `built`
// is of BuildPlayers.
void CheckPlayers(const std::vector<BuiltModel>& built, const Prepared& prepared,
                  Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_CHECK_PLAYERS_H_
