// Builds the models of a system's players before it runs. Free functions, with the thread safety of
// prepare.h.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_PLAYER_MODELS_H_
#define DESCENT_SERVER_WORKER_BRIDGE_PLAYER_MODELS_H_

#include <vector>

#include "core/model/layers.h"
#include "server/worker/bridge/prepare.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Builds everybody's model on the meta device, and fills in what is known then: the fields that
// follow from shapes, and the shape and type of each model's inputs, which follow from the order in
// which terms go through the players. Nothing, where there are violations.
std::vector<BuiltModel> BuildPlayers(Prepared* prepared, Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_PLAYER_MODELS_H_
