#include "server/worker/bridge/load_players.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/objective/loss.h"
#include "core/system/system.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/data_spec.h"
#include "server/worker/bridge/prepare_parts.h"
#include "server/worker/bridge/resolve.h"
#include "server/worker/bridge/system_spec.h"

namespace descent::worker {
namespace {

// Adds what is wrong with a player's data, where people gave them.
void AddOfData(const api::Spec& spec, int player, const Violations& found, Violations* violations) {
  const std::string data = PlayerDataField(spec, player);
  for (const Violation& violation : found.list()) {
    const bool of_data = violation.field.starts_with("data");
    violations->Add(of_data ? data + violation.field.substr(4) : violation.field,
                    violation.description, violation.reason);
  }
}

api::Data* MutableData(api::Spec* spec, int player) {
  api::Player* own = spec->mutable_system()->mutable_players(player);
  return own->has_data() ? own->mutable_data() : spec->mutable_data();
}

// Gives the losses of a player that are compared with the targets of its data.
std::vector<Loss> LossesOfTargets(const api::Spec& spec, int player) {
  std::vector<Loss> losses;
  for (const PlayerTerm& term : ToPlayerTerms(spec, player).terms) {
    if (term.target == TermTarget::kTargets) losses.push_back(term.loss);
  }
  return losses;
}

}  // namespace

void LoadPlayers(DataCache* cache, Prepared* prepared, Violations* violations) {
  api::Spec& spec = prepared->spec;
  std::optional<int64_t> per_epoch;
  for (int p = 0; p < Players(spec); ++p) {
    PreparedPlayer& player = prepared->players.emplace_back();
    if (!ReadsData(spec.system().players(p))) {
      continue;
    }
    LoadedData data;
    Violations found;
    if (!cache->Load(PlayerDataSpec(spec, p), &data, &found)) {
      AddOfData(spec, p, found, violations);
      return;
    }
    ResolveEncoding(data.encoder->encoding(), MutableData(&spec, p));
    player.train = std::move(data.train);
    player.test = std::move(data.test);
    NoteTargets(LossesOfTargets(spec, p), PlayerDataSpec(spec, p).data().train(), data,
                &player.train);
    if (!ResolveBatchSize(PlayerDataField(spec, p), {player.train.size(), player.train.notes},
                          MutableData(&spec, p), violations)) {
      return;
    }
    api::Spec own = PlayerDataSpec(spec, p);
    ResolveBatches(player.train, &own, &found);
    AddOfData(spec, p, found, violations);
    *MutableData(&spec, p) = own.data();
    if (!per_epoch) per_epoch = IterationsPerEpoch(player.train.size(), own);
  }
  // Players that read no data need a batch size as well.
  for (int p = 0; p < Players(spec); ++p) {
    api::Data* data = MutableData(&spec, p);
    if (data->has_batch_size()) continue;
    data->set_batch_size(64);
    if (!data->full_batch()) continue;
    violations->Add(PlayerDataField(spec, p) + ".full_batch",
                    "Nobody reads these data, so there is nothing to take all of: give batch_size.",
                    reason::kConflict);
  }
  if (!violations->empty()) return;
  if (!per_epoch && spec.has_epochs()) {
    violations->Add("epochs", "No player reads data: give iterations.", reason::kConflict);
    return;
  }
  ResolveLength(per_epoch.value_or(spec.iterations()), &spec, violations);
}

}  // namespace descent::worker
