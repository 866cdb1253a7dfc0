// Jobs of several models: `Spec.system`. Each player is looked at as a spec of its own, so that its
// model, optimizer and data go the way of every job's. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_SYSTEM_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_SYSTEM_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/system/system.h"
#include "server/worker/bridge/sequence_spec.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

inline bool IsSystem(const api::Spec& spec) { return spec.has_system(); }

inline int Players(const api::Spec& spec) { return spec.system().players_size(); }
// Gives `system.players[1]`.
std::string PlayerField(int player);

// True if the term compares with the targets of the player's data.
bool HasTargets(const api::PlayerTerm& term);
bool ReadsData(const api::Player& player);
// Gives −1 if there is no such player.
int FindPlayer(const api::System& system, const std::string& name);
// Gives whose data it reads: `system.players[1].data`, or `data`, which all share that have none.
std::string PlayerDataField(const api::Spec& spec, int player);
// Gives these data.
const api::Data& PlayerData(const api::Spec& spec, int player);

// Of a system that was resolved without violations:

// Gives the player's model, optimizer and data as a spec, with all that the players share. Its
// objective is the loss that decides what the targets of its data are.
api::Spec PlayerSpec(const api::Spec& spec, int player);
// Gives the same with the model that its data go into.
api::Spec PlayerDataSpec(const api::Spec& spec, int player);
// Gives the same for the use of its model alone: with the loss of what comes out of it, and with
// data only if they go into it, not what other players make of them.
api::Spec PlayerUseSpec(const api::Spec& spec, int player);
// Gives the player with the targets of whose data what comes out of this one's model is compared;
// −1 if there is none.
int OwnerOfTargets(const api::Spec& spec, int player);

// Gives the player's terms, without their batches.
PlayerTerms ToPlayerTerms(const api::Spec& spec, int player);
Turns ToTurns(const api::System& system);
// Gives the seed of a player's starting point.
uint64_t PlayerSeed(const api::Spec& spec, int player);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_SYSTEM_SPEC_H_
