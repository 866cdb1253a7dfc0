// Reads the data of a system's players. Free functions, with the thread safety of prepare.h.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_LOAD_PLAYERS_H_
#define DESCENT_SERVER_WORKER_BRIDGE_LOAD_PLAYERS_H_

#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/prepare.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Makes the players, with everybody's data, and fills in what depends on the data: batch sizes and
// the run's length.
void LoadPlayers(DataCache* cache, Prepared* prepared, Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_LOAD_PLAYERS_H_
