#include "server/worker/bridge/prediction.h"

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/data/encode.h"
#include "core/data/source.h"
#include "core/text/utf8.h"
#include "core/train/load_model.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/data_spec.h"
#include "server/worker/bridge/model_spec.h"
#include "server/worker/bridge/objective_spec.h"
#include "server/worker/bridge/optimizer_spec.h"
#include "server/worker/bridge/prepare_parts.h"
#include "server/worker/bridge/source_spec.h"
#include "server/worker/bridge/system_spec.h"

namespace descent::worker {
namespace {

Shape RowShape(const at::Tensor& rows) { return rows.sizes().slice(1).vec(); }

PredictionRefusal Refuse(absl::StatusCode code, std::string message, std::string reason) {
  return {absl::Status(code, message), std::move(reason), {}};
}

PredictionRefusal Refuse(absl::StatusCode code, Violations violations) {
  return {absl::Status(code, ""), "", std::move(violations)};
}

// Refuses for what is wrong with the job's own data, which is no fault of the request.
PredictionRefusal RefuseOwnData(const Violations& violations) {
  Violations own;
  for (const Violation& violation : violations.list()) {
    own.Add(absl::StrCat("spec.", violation.field), violation.description, violation.reason);
  }
  return Refuse(absl::StatusCode::kFailedPrecondition, std::move(own));
}

// True if the training data must be read: jobs of older servers don't say how their inputs were
// encoded, nor what their classes are called.
bool ReadsTraining(const api::Spec& spec, const api::SpecSummary& summary,
                   const api::DataSource& data) {
  // A player that noise or others go into has no data.
  if (!spec.has_data()) return false;
  const api::DataSource& train = spec.data().train();
  return data.kind_case() == api::DataSource::KIND_NOT_SET || spec.data().has_normalization() ||
         spec.data().has_target_normalization() || !spec.data().encoding().has_dtype() ||
         train.has_csv() || train.has_text() ||
         (train.has_image_folder() && summary.class_names().empty());
}

// Gives a file of the job that no longer is what it was trained with, or nothing.
std::string ChangedFile(const Dataset& dataset, const api::SpecSummary& summary) {
  for (const FileDigest& is : dataset.files) {
    for (const api::DataDigest& was : summary.digests()) {
      if (was.path() == is.path && was.sha256() != is.sha256) return is.path;
    }
  }
  return "";
}

bool Learned(const api::Spec& spec, const LoadedData& training) {
  return !training.categories.empty() || !spec.data().encoding().has_dtype() ||
         !training.encoder->means().empty() || !training.encoder->normalization().offset.empty() ||
         !training.encoder->target_normalization().offset.empty();
}

std::vector<std::string> NamesOfClasses(const api::Spec& spec, const LoadedData* training,
                                        const api::SpecSummary& summary) {
  if (training != nullptr) {
    std::vector<std::string> names = ClassNames(spec.data().train(), training->categories);
    for (std::string& name : names) name = ValidUtf8(name);
    return names;
  }
  return {summary.class_names().begin(), summary.class_names().end()};
}

PredictionRefusal RefuseChanged(const std::string& file) {
  return Refuse(absl::StatusCode::kFailedPrecondition,
                absl::StrCat(file, " has changed since the job was submitted, and how to ",
                             "read data for its model depends on it."),
                reason::kDataChanged);
}

// Gives what brings back to their units the targets with which what comes out of the player's model
// was compared; nothing if it was compared with none, or they were as they are.
std::variant<NormalizationNumbers, PredictionRefusal> TargetsOfPlayer(
    const PredictionSource& source, int player, DataCache* cache) {
  const int owner = OwnerOfTargets(source.spec, player);
  if (owner < 0) return NormalizationNumbers();
  api::Spec spec = PlayerDataSpec(source.spec, owner);
  if (!spec.data().has_target_normalization()) return NormalizationNumbers();
  spec.mutable_data()->clear_test();
  LoadedData loaded;
  Violations violations;
  if (!cache->Load(spec, &loaded, &violations)) return RefuseOwnData(violations);
  const std::string changed = ChangedFile(loaded.train, source.summary);
  if (!changed.empty()) return RefuseChanged(changed);
  return loaded.encoder->target_normalization();
}

// Gives the inputs of `data`, read as the training data were.
std::variant<Dataset, PredictionRefusal> ReadInputs(const api::Spec& spec, api::DataSource data,
                                                    const LoadedData* training,
                                                    const DataCache& cache) {
  Violations violations;
  InheritFields(spec.data().train(), &data);
  ResolveSource("data", spec.seed(), &data, &violations, /*inputs_only=*/true);
  if (!violations.empty()) return Refuse(absl::StatusCode::kInvalidArgument, violations);
  ReadOptions options{.roots = cache.roots(),
                      .seed = spec.seed(),
                      .weight_column = spec.data().order().weight_column(),
                      .inputs_only = true};
  if (training != nullptr) {
    options.known = training->categories;
    options.columns = training->columns;
    options.target_columns = training->target_columns;
  }
  const auto refuse = [&](const absl::Status& status) {
    AddSourceViolation("data", data, status, &violations);
    return Refuse(absl::StatusCode::kInvalidArgument, violations);
  };
  absl::StatusOr<Examples> examples = ToSource(data)->Read(options);
  if (!examples.ok()) return refuse(examples.status());
  absl::StatusOr<Dataset> encoded = training != nullptr
                                        ? training->encoder->Encode(*examples)
                                        : Encoder(ToEncodeOptions(spec)).Encode(*examples);
  if (!encoded.ok()) return refuse(encoded.status());
  return *std::move(encoded);
}

}  // namespace

std::variant<PreparedPrediction, PredictionRefusal> PreparePrediction(
    const PredictionSource& source, DataCache* cache) {
  // The player is known: the daemon has looked it up.
  const int player = IsSystem(source.spec) ? FindPlayer(source.spec.system(), source.player) : -1;
  const api::Spec spec = player < 0 ? source.spec : PlayerUseSpec(source.spec, player);
  const bool own_data = source.data.kind_case() == api::DataSource::KIND_NOT_SET;
  LoadedData loaded;
  const LoadedData* training = nullptr;
  if (ReadsTraining(spec, source.summary, source.data)) {
    api::Spec read = spec;
    if (!own_data) read.mutable_data()->clear_test();
    Violations violations;
    if (!cache->Load(read, &loaded, &violations)) return RefuseOwnData(violations);
    training = &loaded;
    std::string changed;
    if (own_data || Learned(spec, loaded)) changed = ChangedFile(loaded.train, source.summary);
    if (own_data && changed.empty() && loaded.test) {
      changed = ChangedFile(*loaded.test, source.summary);
    }
    if (!changed.empty()) return RefuseChanged(changed);
  }
  Dataset data;
  if (!own_data) {
    std::variant<Dataset, PredictionRefusal> read = ReadInputs(spec, source.data, training, *cache);
    if (auto* refusal = std::get_if<PredictionRefusal>(&read)) return *std::move(refusal);
    data = std::get<Dataset>(std::move(read));
  } else if (loaded.test) {
    data = *loaded.test;
  } else {
    Violations violations;
    violations.Add("data", "The job has no test data: say what to predict.", reason::kMissingField);
    return Refuse(absl::StatusCode::kInvalidArgument, std::move(violations));
  }
  at::Tensor inputs = data.inputs;
  absl::StatusOr<BuiltModel> built = BuildModel({.root = ToLayerOptions(spec.model()),
                                                 .input_shape = RowShape(inputs),
                                                 .input_dtype = inputs.scalar_type(),
                                                 .dtype = ToEncodeOptions(spec).dtype,
                                                 .seed = spec.seed()});
  if (!built.ok()) {
    Violations violations;
    violations.Add("data",
                   absl::StrCat("Its examples are ", ToString(RowShape(inputs)),
                                ", which the model does not take: ",
                                std::string(built.status().message()), "."),
                   reason::kShapeMismatch);
    return Refuse(absl::StatusCode::kInvalidArgument, std::move(violations));
  }
  const LossSum loss = ToLossSum(spec.objective());
  absl::StatusOr<OptimizerOptions> optimizer = ToOptimizerOptions(spec.optimizer());
  // The optimizer was accepted at submission.
  if (!optimizer.ok()) {
    return Refuse(optimizer.status().code(), std::string(optimizer.status().message()),
                  reason::kInvalidOptimizer);
  }
  const std::vector<LossWeight> weights =
      player < 0 ? loss.weights() : WeightsOf(ToPlayerTerms(source.spec, player).terms);
  absl::StatusOr<LoadedModel> model =
      LoadModel(built->model, *optimizer, weights, source.checkpoint, source.checkpoint_sha256,
                source.player);
  if (!model.ok()) {
    // A file that should be there and is not is a lost one.
    const bool missing = absl::IsNotFound(model.status());
    return Refuse(missing ? absl::StatusCode::kDataLoss : model.status().code(),
                  std::string(model.status().message()), reason::kCheckpointUnreadable);
  }
  NormalizationNumbers numbers;
  if (player >= 0) {
    auto of_player = TargetsOfPlayer(source, player, cache);
    if (auto* refusal = std::get_if<PredictionRefusal>(&of_player)) return *std::move(refusal);
    numbers = std::get<NormalizationNumbers>(std::move(of_player));
  } else if (training != nullptr) {
    numbers = training->encoder->target_normalization();
  }
  return PreparedPrediction{
      .model = std::move(model->model),
      .iteration = model->iteration,
      .inputs = std::move(inputs),
      .origin = std::move(data.origin),
      .loss = loss.terms[0].loss,
      .output_shape = built->output_shape,
      .dtype = numbers.offset.empty() ? ToEncodeOptions(spec).dtype : at::kDouble,
      .target_normalization = numbers,
      .class_names = NamesOfClasses(spec, training, source.summary),
      .notes = std::move(data.notes)};
}

}  // namespace descent::worker
