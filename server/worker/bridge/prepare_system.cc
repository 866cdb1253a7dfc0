#include "server/worker/bridge/prepare_system.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/layers.h"
#include "core/system/system.h"
#include "core/train/system_trainer.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/check_players.h"
#include "server/worker/bridge/data_spec.h"
#include "server/worker/bridge/execution_spec.h"
#include "server/worker/bridge/load_players.h"
#include "server/worker/bridge/model_spec.h"
#include "server/worker/bridge/optimizer_spec.h"
#include "server/worker/bridge/optimizer_summary.h"
#include "server/worker/bridge/player_models.h"
#include "server/worker/bridge/prepare_parts.h"
#include "server/worker/bridge/resolve.h"
#include "server/worker/bridge/sequence_spec.h"
#include "server/worker/bridge/stop_spec.h"
#include "server/worker/bridge/system_spec.h"

namespace descent::worker {
namespace {

absl::StatusOr<SystemOptions> ToSystemOptions(const api::Spec& spec,
                                              const std::vector<BuiltModel>& built) {
  SystemOptions options{.players = {},
                        .turns = ToTurns(spec.system()),
                        .summed = spec.system().summed(),
                        .seed = spec.seed()};
  for (int p = 0; p < Players(spec); ++p) {
    absl::StatusOr<OptimizerOptions> optimizer =
        ToOptimizerOptions(spec.system().players(p).optimizer());
    if (!optimizer.ok()) return optimizer.status();
    options.players.push_back({.starting_point = &built[p].model,
                               .optimizer = *std::move(optimizer),
                               .terms = ToPlayerTerms(spec, p)});
  }
  return options;
}

std::string PlayerDialPath(const api::Spec& spec, size_t player, std::string_view name) {
  return DialPath(spec.system().players(static_cast<int>(player)).optimizer(), name);
}

// Adds the dials and the memory that a run would have; it has no data yet.
absl::Status AddSystem(const std::vector<BuiltModel>& built, Prepared* prepared) {
  const api::Spec& spec = prepared->spec;
  absl::StatusOr<SystemOptions> options = ToSystemOptions(spec, built);
  if (!options.ok()) return options.status();
  for (PlayerOptions& player : options->players) {
    player.terms.batches = [](int64_t) { return Batch(); };
  }
  absl::StatusOr<std::unique_ptr<Trainer>> trainer =
      MakeSystemTrainer({.system = *options,
                         .agenda = ToAgenda(spec.iterations(), spec),
                         .stop_when = ToStopTests(spec.stop_when()),
                         .dial_path = [&](size_t p, std::string_view name) {
                           return PlayerDialPath(spec, p, name);
                         }});
  if (!trainer.ok()) return trainer.status();
  if (std::ranges::all_of(options->players, [](const PlayerOptions& player) {
        return MovesNothing(player.optimizer, *player.starting_point);
      })) {
    prepared->summary.add_notes(
        "All parameters of all players are frozen: no step moves anything.");
  }
  for (const std::string& path : (*trainer)->dials().paths()) prepared->summary.add_dials(path);
  int64_t bytes = prepared->summary.parameter_bytes();  // this is the gradients'
  for (const auto& [name, tensor] : (*trainer)->Snapshot().tensors) {
    bytes += static_cast<int64_t>(tensor.nbytes());
  }
  prepared->summary.set_memory_bytes(bytes);
  return absl::OkStatus();
}

// Makes each batch once, for all who ask: the next call of `At` takes its memory.
BatchProvider OnceAnIteration(std::shared_ptr<Batches> batches) {
  struct Latest {
    int64_t iteration = -1;
    Batch batch;
  };
  return [batches = std::move(batches), latest = std::make_shared<Latest>()](int64_t k) {
    if (latest->iteration != k) *latest = {k, batches->At(k)};
    return latest->batch;
  };
}

void SummarizeSystem(const std::vector<BuiltModel>& built, Prepared* prepared) {
  const api::Spec& spec = prepared->spec;
  api::SpecSummary* summary = &prepared->summary;
  for (int p = 0; p < Players(spec); ++p) {
    AddModel(spec.system().players(p).name(), built[p], summary);
  }
  // Players are differentiated by autograd.
  for (api::LayerSummary& layer : *summary->mutable_layers()) layer.set_plan(false);
  summary->set_iterations(spec.iterations());
  summary->set_iterations_per_epoch(spec.iterations());
  bool first = true;
  for (int p = 0; p < Players(spec); ++p) {
    const PreparedPlayer& player = prepared->players[p];
    if (!player.train.inputs.defined()) continue;
    AddFiles(player.train, summary);
    if (player.test) AddFiles(*player.test, summary);
    if (!std::exchange(first, false)) continue;
    summary->set_train_examples(player.train.size());
    summary->set_test_examples(player.test ? player.test->size() : 0);
    summary->set_iterations_per_epoch(
        IterationsPerEpoch(player.train.size(), PlayerDataSpec(spec, p)));
  }
}

}  // namespace

void PrepareSystem(DataCache* cache, Prepared* prepared, Violations* violations) {
  LoadPlayers(cache, prepared, violations);
  if (!violations->empty()) return;
  const std::vector<BuiltModel> built = BuildPlayers(prepared, violations);
  if (!violations->empty()) return;
  CheckPlayers(built, *prepared, violations);
  if (!violations->empty()) return;
  SummarizeSystem(built, prepared);
  VisitPlateaus(prepared->spec.system(), "system",
                [&](const std::string& path, const api::PlateauSequence& plateau) {
                  if (plateau.metric() == descent::Sequence::kValue) return;
                  violations->Add(absl::StrCat(path, ".metric"),
                                  "A system's plateaus go by the player's value: leave out metric.",
                                  reason::kUnsupported);
                });
  if (!violations->empty()) return;
  if (absl::Status status = AddSystem(built, prepared); !status.ok()) {
    violations->Add("system", Sentence(status), reason::kInvalidSystem);
  }
}

absl::StatusOr<std::unique_ptr<Trainer>> MakeSystem(Prepared prepared) {
  const api::Spec& spec = prepared.spec;
  const at::Device device = ToDevice(spec.execution());
  std::vector<BuiltModel> built;
  for (int p = 0; p < Players(spec); ++p) {
    absl::StatusOr<BuiltModel> model =
        BuildModel({.root = ToLayerOptions(spec.system().players(p).model()),
                    .input_shape = prepared.players[p].input_shape,
                    .input_dtype = prepared.players[p].input_dtype,
                    .dtype = ToDtype(spec.execution()),
                    .device = device,
                    .seed = PlayerSeed(spec, p)});
    if (!model.ok()) return model.status();
    built.push_back(*std::move(model));
  }
  absl::StatusOr<SystemOptions> system = ToSystemOptions(spec, built);
  if (!system.ok()) return system.status();
  SystemTrainerOptions options{.system = *std::move(system)};
  options.agenda = ToAgenda(prepared.summary.iterations_per_epoch(), spec);
  // Those who have the same data share the batches too.
  std::map<std::string, BatchProvider> providers;
  for (int p = 0; p < Players(spec); ++p) {
    PreparedPlayer& player = prepared.players[p];
    options.test.push_back(std::move(player.test));
    std::optional<Dataset>& evaluated = options.evaluated_train.emplace_back();
    if (!player.train.inputs.defined()) continue;
    if (spec.evaluation().training_data()) evaluated = player.train;
    const api::Spec own = PlayerDataSpec(spec, p);
    const EncodeOptions encoded = ToEncodeOptions(own);
    BatchProvider& provider = providers[absl::StrCat(
        static_cast<int>(encoded.targets), encoded.indices, own.data().SerializeAsString())];
    if (!provider) {
      absl::StatusOr<std::unique_ptr<Batches>> made =
          Batches::Create(std::move(player.train), ToBatchOptions(own));
      if (!made.ok()) return made.status();
      const std::shared_ptr<Batches> batches = *std::move(made);
      if (!options.batches) options.batches = batches;
      provider = OnceAnIteration(batches);
    }
    options.system.players[p].terms.batches = provider;
  }
  options.stop_when = ToStopTests(spec.stop_when());
  options.dial_path = [spec](size_t p, std::string_view name) {
    return PlayerDialPath(spec, p, name);
  };
  options.spec = SpecText(spec);
  return MakeSystemTrainer(std::move(options));
}

}  // namespace descent::worker
