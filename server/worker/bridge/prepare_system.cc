#include "server/worker/bridge/prepare_system.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/model/layers.h"
#include "core/system/system.h"
#include "core/train/system_trainer.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/data_spec.h"
#include "server/worker/bridge/execution_spec.h"
#include "server/worker/bridge/model_spec.h"
#include "server/worker/bridge/optimizer_spec.h"
#include "server/worker/bridge/optimizer_summary.h"
#include "server/worker/bridge/prepare_parts.h"
#include "server/worker/bridge/resolve.h"
#include "server/worker/bridge/sequence_spec.h"
#include "server/worker/bridge/stop_spec.h"
#include "server/worker/bridge/system_spec.h"

namespace descent::worker {
namespace {

int Players(const api::Spec& spec) { return spec.system().players_size(); }

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

// Reads everybody's data, and fills in what depends on them.
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

// What goes into a player's model, and from which term that is known.
struct Input {
  Shape shape = {};
  at::ScalarType dtype = at::kFloat;
  std::string from = {};
};

// Finds the shapes of what comes out of the models, term by term: the players' input shapes follow
// from the order in which terms go through them.
class ShapeFinder {
 public:
  ShapeFinder(Prepared* prepared, Violations* violations)
      : prepared_(prepared),
        violations_(violations),
        inputs_(prepared->players.size()),
        built_(prepared->players.size()) {}

  // Builds the models on the meta device; false if there are violations.
  bool Find() {
    bool progress = true;
    while (progress && violations_->empty()) {
      progress = false;
      for (int p = 0; p < Players(spec()); ++p) {
        const api::Player& player = spec().system().players(p);
        for (int t = 0; t < player.objective_size(); ++t) progress = Follow(p, t) || progress;
      }
    }
    for (int p = 0; p < Players(spec()) && violations_->empty(); ++p) {
      if (built_[p]) continue;
      violations_->Add(absl::StrCat(PlayerField(p), ".model"),
                       "No term goes through this player's model.", reason::kUnused);
    }
    return violations_->empty();
  }

  const BuiltModel& built(int player) const { return *built_[player]; }
  const Input& input(int player) const { return *inputs_[player]; }
  std::vector<BuiltModel> Take() {
    std::vector<BuiltModel> all;
    for (std::optional<BuiltModel>& one : built_) all.push_back(*std::move(one));
    return all;
  }

 private:
  const api::Spec& spec() const { return prepared_->spec; }

  at::ScalarType dtype() const { return ToDtype(spec().execution()); }

  // Gives whether something new was found out.
  bool Follow(int p, int t) {
    const api::PlayerTerm& term = spec().system().players(p).objective(t);
    const std::string field = absl::StrCat(PlayerField(p), ".objective[", t, "]");
    Input input{.from = field};
    if (term.has_noise()) {
      input.shape.assign(term.noise().shape().begin(), term.noise().shape().end());
      input.dtype = dtype();
    } else {
      const Dataset& train = prepared_->players[p].train;
      input.shape = ExampleShape(train.inputs);
      input.dtype = train.inputs.scalar_type();
    }
    bool progress = false;
    for (const std::string& name : term.through()) {
      const int q = FindPlayer(spec().system(), name);
      if (!inputs_[q]) {
        progress = true;
        inputs_[q] = input;
        if (!Build(q)) return progress;
      } else if (inputs_[q]->shape != input.shape || inputs_[q]->dtype != input.dtype) {
        violations_->Add(
            absl::StrCat(field, ".through"),
            absl::StrCat("The model of ", name, " would get ", ToString(input.shape), " here, but ",
                         ToString(inputs_[q]->shape), " by ", inputs_[q]->from, "."),
            reason::kShapeMismatch);
        return progress;
      }
      input.shape = built_[q]->output_shape;
      input.dtype = dtype();
    }
    return progress;
  }

  bool Build(int q) {
    api::Layer* model = prepared_->spec.mutable_system()->mutable_players(q)->mutable_model();
    const std::string field = absl::StrCat(PlayerField(q), ".model");
    if (!ResolveShapes(field, inputs_[q]->shape, inputs_[q]->dtype, dtype(), model, violations_)) {
      return false;
    }
    absl::StatusOr<BuiltModel> built = BuildModel({.root = ToLayerOptions(*model),
                                                   .input_shape = inputs_[q]->shape,
                                                   .input_dtype = inputs_[q]->dtype,
                                                   .dtype = dtype(),
                                                   .device = at::kMeta});
    if (!built.ok()) {
      violations_->Add(field, Sentence(built.status()), reason::kInvalidModel);
      return false;
    }
    if (built->parameters == 0) {
      violations_->Add(field, "It has no parameters: there is nothing to train.",
                       reason::kInvalidModel);
      return false;
    }
    built_[q] = *std::move(built);
    return true;
  }

  Prepared* prepared_;
  Violations* violations_;
  std::vector<std::optional<Input>> inputs_;
  std::vector<std::optional<BuiltModel>> built_;
};

// Checks that losses go with what comes out and with what it is compared with.
void CheckTerms(const Prepared& prepared, const std::vector<BuiltModel>& built,
                Violations* violations) {
  const api::Spec& spec = prepared.spec;
  for (int p = 0; p < Players(spec); ++p) {
    const PlayerTerms terms = ToPlayerTerms(spec, p);
    const PreparedPlayer& player = prepared.players[p];
    for (size_t t = 0; t < terms.terms.size(); ++t) {
      const PlayerTerm& term = terms.terms[t];
      const std::string field =
          absl::StrCat(PlayerField(p), ".objective[", t, "].loss.", term.loss.name);
      const Shape& output = built[term.through.back()].output_shape;
      Shape target = output;
      if (term.target == TermTarget::kTargets) target = ExampleShape(player.train.targets);
      if (term.target == TermTarget::kInputs) target = ExampleShape(player.train.inputs);
      if (term.target == TermTarget::kConstant && term.loss.predicts == Predicts::kClass) {
        target = output.empty() ? Shape() : Shape(output.begin(), output.end() - 1);
        if (!output.empty() && term.constant >= static_cast<double>(output.back())) {
          violations->Add(absl::StrCat(PlayerField(p), ".objective[", t, "].constant"),
                          absl::StrCat("There is no class ", term.constant, ": the model has ",
                                       output.back(), " outputs."),
                          reason::kOutOfRange);
          continue;
        }
      }
      if (absl::Status status = term.loss.CheckShapes(output, target); !status.ok()) {
        violations->Add(field, Sentence(status), reason::kShapeMismatch);
        continue;
      }
      if (term.target != TermTarget::kTargets) continue;
      const api::Spec own = PlayerDataSpec(spec, p);
      CheckTargets(PlayerDataField(spec, p) + ".train", own.data().train(), player.train,
                   LossSum(term.loss), output, violations);
      if (!player.test) continue;
      const bool given = own.data().has_test();
      CheckTargets(PlayerDataField(spec, p) + (given ? ".test" : ".train"),
                   given ? own.data().test() : own.data().train(), *player.test, LossSum(term.loss),
                   output, violations);
    }
  }
}

// Checks that embeddings have a row for each index of the data that terms read.
void CheckLookups(const Prepared& prepared, Violations* violations) {
  const api::System& system = prepared.spec.system();
  for (int p = 0; p < Players(prepared.spec); ++p) {
    const PreparedPlayer& player = prepared.players[p];
    std::set<int> readers;
    for (const api::PlayerTerm& term : system.players(p).objective()) {
      if (!term.has_noise()) readers.insert(FindPlayer(system, term.through(0)));
    }
    for (const int q : readers) {
      CheckIndices(PlayerField(q) + ".model", system.players(q).model(), player.train, player.test,
                   violations);
    }
  }
}

// Checks that batches are large enough for the models that a player's terms go through, which are
// all used in training mode.
void CheckBatches(const std::vector<BuiltModel>& built, const Prepared& prepared,
                  Violations* violations) {
  const api::Spec& spec = prepared.spec;
  for (int p = 0; p < Players(spec); ++p) {
    const api::Player& player = spec.system().players(p);
    const api::Data& data = player.has_data() ? player.data() : spec.data();
    const at::Tensor& inputs = prepared.players[p].train.inputs;
    std::set<int> through;
    for (const api::PlayerTerm& term : player.objective()) {
      for (const std::string& name : term.through()) {
        through.insert(FindPlayer(spec.system(), name));
      }
    }
    for (const int q : through) {
      CheckBatchNorms(built[q], built[q].model, PlayerDataField(spec, p), data,
                      inputs.defined() ? inputs.size(0) : 0, spec.iterations(), violations);
    }
  }
}

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
  ShapeFinder finder(prepared, violations);
  if (!finder.Find()) return;
  for (int p = 0; p < Players(prepared->spec); ++p) {
    prepared->players[p].input_shape = finder.input(p).shape;
    prepared->players[p].input_dtype = finder.input(p).dtype;
  }
  const std::vector<BuiltModel> built = finder.Take();
  CheckTerms(*prepared, built, violations);
  CheckLookups(*prepared, violations);
  CheckBatches(built, *prepared, violations);
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
