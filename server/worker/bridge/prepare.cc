#include "server/worker/bridge/prepare.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/device/device.h"
#include "core/functions/objective.h"
#include "core/model/layers.h"
#include "core/objective/loss_sum.h"
#include "core/objective/penalty.h"
#include "core/objective/supervised_objective.h"
#include "core/optimizer/any_objective.h"
#include "core/sequence/range.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/check_plateau.h"
#include "server/worker/bridge/data_spec.h"
#include "server/worker/bridge/execution_spec.h"
#include "server/worker/bridge/function_spec.h"
#include "server/worker/bridge/model_files.h"
#include "server/worker/bridge/model_spec.h"
#include "server/worker/bridge/objective_spec.h"
#include "server/worker/bridge/optimizer_spec.h"
#include "server/worker/bridge/optimizer_summary.h"
#include "server/worker/bridge/prepare_parts.h"
#include "server/worker/bridge/prepare_system.h"
#include "server/worker/bridge/resolve.h"
#include "server/worker/bridge/sequence_spec.h"
#include "server/worker/bridge/source_spec.h"
#include "server/worker/bridge/stop_spec.h"
#include "server/worker/bridge/system_spec.h"

namespace descent::worker {
namespace {

ModelOptions ToModelOptions(const Prepared& prepared, at::Device device) {
  const api::Spec& spec = prepared.spec;
  const Dataset& train = prepared.train;
  if (IsFunction(spec)) {
    // The function was made once already, so it can be again.
    return FunctionModel(spec, *ToFunction(spec.objective().function()), device);
  }
  return {.root = ToLayerOptions(spec.model()),
          .input_shape = ExampleShape(train.inputs),
          .input_dtype = train.inputs.scalar_type(),
          .dtype = ToDtype(spec.execution()),
          .device = device,
          .compute_device = ToDevice(spec.execution()),
          .compute_dtype = ToComputeDtype(spec.execution()),
          .seed = spec.seed()};
}

// Checks that test data, objective and labels go with the model's output, and penalties with its
// parameters.
void CheckAgainstModel(const Prepared& prepared, const BuiltModel& built, Violations* violations) {
  const api::Spec& spec = prepared.spec;
  const Shape& output = built.output_shape;
  CheckObjectiveShapes(spec, output, ExampleShape(prepared.train.targets), violations);
  if (!violations->empty()) return;
  const auto check_test = [&](const char* what, at::Tensor Dataset::* of) {
    const Shape test = ExampleShape((*prepared.test).*of);
    const Shape train = ExampleShape(prepared.train.*of);
    if (test == train) return;
    violations->Add("data.test",
                    absl::StrCat("The test ", what, " are ", ToString(test), ", but the training ",
                                 what, " ", ToString(train), "."),
                    reason::kShapeMismatch);
  };
  if (prepared.test) {
    check_test("inputs", &Dataset::inputs);
    check_test("targets", &Dataset::targets);
  }
  const LossSum loss = ToLossSum(spec.objective());
  CheckTargets("data.train", spec.data().train(), prepared.train, loss, output, violations);
  if (absl::Status status = CheckPenalties(loss.penalties, built.model.parameters());
      !status.ok()) {
    violations->Add("objective.penalties", Sentence(status), reason::kOutOfRange);
  }
  if (!prepared.test) return;
  const bool own = spec.data().has_test();  // otherwise it is a part of the training data
  CheckTargets(own ? "data.test" : "data.train", own ? spec.data().test() : spec.data().train(),
               *prepared.test, loss, output, violations);
}

void Summarize(const BuiltModel& built, Prepared* prepared) {
  const api::Spec& spec = prepared->spec;
  api::SpecSummary* summary = &prepared->summary;
  AddModel("", built, summary);
  summary->set_iterations(spec.iterations());
  if (IsFunction(spec)) return;
  summary->set_train_examples(prepared->train.size());
  summary->set_test_examples(prepared->test ? prepared->test->size() : 0);
  summary->set_iterations_per_epoch(IterationsPerEpoch(prepared->train.size(), spec));
  AddFiles(prepared->train, summary);
  if (prepared->test) AddFiles(*prepared->test, summary);
}

// Gives an objective that has the dials that it would have in a run, and no data.
AnyObjective<Model> UnevaluatedObjective(const api::Spec& spec) {
  if (IsFunction(spec)) return FunctionObjective(*ToFunction(spec.objective().function()));
  return SupervisedObjective(ToLossSum(spec.objective()), [](int64_t) { return Batch(); });
}

// Adds the names of the dials, which are those that a run would have, and the memory.
absl::Status AddRun(const BuiltModel& built, Prepared* prepared, Violations* violations) {
  const api::Optimizer& optimizer = prepared->spec.optimizer();
  const absl::StatusOr<OptimizerOptions> options = ToOptimizerOptions(optimizer);
  if (!options.ok()) return options.status();
  absl::StatusOr<std::unique_ptr<ModelRun>> run =
      ModelRun::Create(*options, built.model, UnevaluatedObjective(prepared->spec));
  if (!run.ok()) return run.status();
  for (const Dial* dial : (*run)->dials()) {
    prepared->summary.add_dials(DialPath(optimizer, dial->name));
  }
  SummarizeOptimizer(prepared->spec, built.model, run->get(), &prepared->summary);
  if (MovesNothing(*options, built.model)) {
    prepared->summary.add_notes("All parameters are frozen: no step moves anything.");
  }
  int64_t bytes = built.parameter_bytes;  // the gradient's
  for (const auto& [name, tensor] : (*run)->Save().tensors) {
    bytes += static_cast<int64_t>(tensor.nbytes());
  }
  const api::Execution& execution = prepared->spec.execution();
  if (const at::ScalarType dtype = ToComputeDtype(execution); dtype != ToDtype(execution)) {
    // These are rounded copies of the parameters and of the gradient.
    bytes += 2 * built.parameters * static_cast<int64_t>(c10::elementSize(dtype));
  }
  prepared->summary.set_memory_bytes(bytes);
  if (prepared->spec.has_data()) {
    CheckBatchNorms(built, (*run)->solution(), "data", prepared->spec.data(),
                    prepared->train.size(), prepared->spec.iterations(), violations);
  }
  return absl::OkStatus();
}

// Reads the data and resolves what depends on them. False: violations.
bool PrepareData(DataCache* cache, Prepared* prepared, Violations* violations) {
  LoadedData data;
  if (!cache->Load(prepared->spec, &data, violations)) return false;
  ResolveEncoding(data.encoder->encoding(), prepared->spec.mutable_data());
  AddClassNames(prepared->spec.data().train(), data.categories, &prepared->summary);
  prepared->train = std::move(data.train);
  prepared->test = std::move(data.test);
  ResolveWithData({prepared->train.size(), prepared->train.notes}, &prepared->spec, violations);
  if (!violations->empty()) return false;
  std::vector<Loss> losses;
  for (const LossTerm& term : ToLossSum(prepared->spec.objective()).terms) {
    losses.push_back(term.loss);
  }
  NoteTargets(losses, prepared->spec.data().train(), data, &prepared->train);
  ResolveBatches(prepared->train, &prepared->spec, violations);
  return ResolveShapes("model", ExampleShape(prepared->train.inputs),
                       prepared->train.inputs.scalar_type(), ToDtype(prepared->spec.execution()),
                       prepared->spec.mutable_model(), violations);
}

}  // namespace

std::variant<Prepared, Violations> Prepare(const api::Spec& spec, DataCache* cache) {
  Violations violations;
  CheckUnknownFields(spec, &violations);
  Prepared prepared;
  prepared.spec = spec;
  ResolveWithoutData(&prepared.spec, &violations);
  if (!violations.empty()) return violations;
  AddModelFiles(prepared.spec, cache->roots(), &prepared.summary, &violations);
  if (!violations.empty()) return violations;
  if (const std::string note = ThreadsNote(prepared.spec.execution()); !note.empty()) {
    prepared.summary.add_notes(note);
  }
  if (IsSystem(prepared.spec)) {
    PrepareSystem(cache, &prepared, &violations);
    if (!violations.empty()) return violations;
    return prepared;
  }
  const bool function = IsFunction(prepared.spec);
  if (function) {
    ResolveWithData({}, &prepared.spec, &violations);
    if (!violations.empty()) return violations;
  } else if (!PrepareData(cache, &prepared, &violations)) {
    return violations;
  }
  absl::StatusOr<BuiltModel> built = BuildModel(ToModelOptions(prepared, at::kMeta));
  if (!built.ok()) {
    violations.Add("model", Sentence(built.status()),
                   built.status().code() == absl::StatusCode::kResourceExhausted
                       ? reason::kTooLarge
                       : reason::kInvalidModel);
    return violations;
  }
  if (!function) {
    CheckIndices("model", prepared.spec.model(), prepared.train, prepared.test, &violations);
    CheckAgainstModel(prepared, *built, &violations);
  }
  if (!violations.empty()) return violations;
  Summarize(*built, &prepared);
  const auto check = [&](const std::string& path, const api::PlateauSequence& plateau) {
    CheckPlateau(path, plateau, prepared, &violations);
  };
  VisitPlateaus(prepared.spec.optimizer(), "optimizer", check);
  VisitPlateaus(prepared.spec.objective(), "objective", check);
  if (!violations.empty()) return violations;
  if (absl::Status status = AddRun(*built, &prepared, &violations); !status.ok()) {
    violations.Add("optimizer", Sentence(status), reason::kInvalidOptimizer);
  }
  if (!violations.empty()) return violations;
  return prepared;
}

absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(Prepared prepared) {
  const api::Spec& spec = prepared.spec;
  const at::Device device = ToDevice(spec.execution());
  ComputeReproducibly(device);
  if (IsSystem(spec)) return MakeSystem(std::move(prepared));
  absl::StatusOr<BuiltModel> built = BuildModel(ToModelOptions(prepared, device));
  if (!built.ok()) return built.status();
  absl::StatusOr<OptimizerOptions> optimizer = ToOptimizerOptions(spec.optimizer());
  if (!optimizer.ok()) return optimizer.status();
  TrainerOptions options{.starting_point = &built->model, .optimizer = *std::move(optimizer)};
  if (IsFunction(spec)) {
    absl::StatusOr<Function> function = ToFunction(spec.objective().function());
    if (!function.ok()) return function.status();
    options.objective.emplace(FunctionObjective(*std::move(function)));
    options.agenda = ToAgenda(spec.iterations(), spec);
  } else {
    options.agenda = ToAgenda(IterationsPerEpoch(prepared.train.size(), spec), spec);
    if (spec.evaluation().training_data()) options.evaluated_train = prepared.train;
    absl::StatusOr<std::unique_ptr<Batches>> batches =
        Batches::Create(std::move(prepared.train), ToBatchOptions(spec));
    if (!batches.ok()) return batches.status();
    options.batches = *std::move(batches);
    options.loss = ToLossSum(spec.objective());
    options.compute_dtype = ToComputeDtype(spec.execution());
    options.test = std::move(prepared.test);
    options.metrics = ToMetrics(spec.evaluation());
  }
  options.stop_when = ToStopTests(spec.stop_when());
  options.dial_path = [optimizer = spec.optimizer()](std::string_view name) {
    return DialPath(optimizer, name);
  };
  options.spec = SpecText(spec);
  return Trainer::Create(std::move(options));
}

}  // namespace descent::worker
