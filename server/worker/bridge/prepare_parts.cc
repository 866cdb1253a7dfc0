#include "server/worker/bridge/prepare_parts.h"

#include <ATen/ops/_unique.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "core/model/batch_norm.h"
#include "core/text/utf8.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/index_readers.h"
#include "server/worker/bridge/source_spec.h"

namespace descent::worker {
namespace {

// This is what `Categories` calls them.
constexpr char kFolders[] = "class";
constexpr char kCharacters[] = "vocabulary";
// The limits are there because the summary stands in many answers.
constexpr size_t kMostClassNames = 1000;
constexpr size_t kMostClassNameBytes = 64 << 10;
constexpr size_t kMostNoteBytes = 2000;

// Refuses a target that is no class and lies outside the range, naming the row.
absl::Status CheckTargetRange(const Dataset& dataset, const Range& range) {
  const at::Tensor targets = dataset.targets.to(at::kDouble).contiguous();
  const int64_t per_row = targets.numel() / dataset.size();
  for (int64_t i = 0; i < targets.numel(); ++i) {
    const absl::Status status = range.Check(targets.const_data_ptr<double>()[i]);
    if (status.ok()) continue;
    return absl::OutOfRangeError(
        absl::StrCat(dataset.origin.Name(i / per_row), ": the ", std::string(status.message())));
  }
  return absl::OkStatus();
}

// Gives how labels that don't count from 0 could be told to: empty, or a sentence.
std::string NumberingHint(const api::DataSource& source, const Dataset& dataset, int64_t classes) {
  const at::Tensor labels = dataset.targets.masked_select(dataset.targets.ge(0));
  if (labels.numel() == 0) return "";
  const auto present = static_cast<int64_t>(std::get<0>(at::_unique(labels)).numel());
  if (present > classes) return "";
  const auto& categorical = source.csv().categorical();
  if (source.csv().targets_size() == 1) {
    const std::string& target = source.csv().targets(0);
    if (std::ranges::find(categorical, target) != categorical.end()) return "";
    return absl::StrCat(" `categorical: ", target, "` numbers the classes that there are.");
  }
  return labels.min().item<int64_t>() > 0 ? " Classes are counted from 0." : "";
}

// Notes categories that are taken for quantities: they are numbered by their names' order, which
// says nothing of more or less. Two of them may well be 0 and 1.
void NoteRankedCategories(const LoadedData& data, Dataset* train) {
  for (const std::string& target : data.target_columns) {
    const auto found = data.categories.find(target);
    if (found == data.categories.end() || found->second.size() < 3) continue;
    const size_t last = found->second.size() - 1;
    train->notes.push_back(absl::StrCat(
        "The target \"", target,
        "\" is categorical, and the objective takes its categories for the ", "numbers 0 (",
        found->second.front(), ") to ", last, " (", found->second.back(),
        "), in the order of their names; cross_entropy takes them for classes."));
  }
}

void NoteSingleClass(const std::vector<std::string>& names, Dataset* train) {
  const at::Tensor& targets = train->targets;
  const auto least = targets.min().item<double>();
  if (least < 0 || least != targets.max().item<double>() || least != std::trunc(least)) return;
  const bool named = least < static_cast<double>(names.size());
  train->notes.push_back(absl::StrCat(
      train->origin.path(), ": the training data hold one class alone, ", least,
      named ? absl::StrCat(" (", ShortUtf8(names[static_cast<size_t>(least)], 100), ")") : "",
      ", which is then the answer to everything."));
}

}  // namespace

Shape ExampleShape(const at::Tensor& rows) { return rows.sizes().slice(1).vec(); }

std::string SpecText(const api::Spec& spec) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(spec, &text);
  return text;
}

void CheckTargets(const std::string& field, const api::DataSource& source, const Dataset& dataset,
                  const LossSum& loss, const Shape& output, Violations* violations) {
  for (const LossTerm& term : loss.terms) {
    absl::Status status;
    if (term.loss.predicts == Predicts::kClass) {
      const int64_t classes = std::max<int64_t>(output.back(), 2);
      status = CheckClasses(dataset, classes);
      if (!status.ok()) {
        status = absl::Status(
            status.code(), absl::StrCat(status.message(), NumberingHint(source, dataset, classes)));
      }
    } else if (term.loss.target_range) {
      status = CheckTargetRange(dataset, *term.loss.target_range);
    }
    if (status.ok()) continue;
    return AddSourceViolation(field, source, status, violations);
  }
}

void NoteTargets(const std::vector<Loss>& losses, const api::DataSource& source,
                 const LoadedData& data, Dataset* train) {
  const auto any = [&](auto predicts) {
    return std::ranges::any_of(losses, [&](const Loss& loss) { return predicts(loss.predicts); });
  };
  if (any([](Predicts what) { return what == Predicts::kValues; })) {
    NoteRankedCategories(data, train);
  }
  if (any([](Predicts what) { return what == Predicts::kClass || what == Predicts::kYesOrNo; })) {
    NoteSingleClass(ClassNames(source, data.categories), train);
  }
}

void AddModel(const std::string& player, const BuiltModel& built, api::SpecSummary* summary) {
  for (const descent::LayerSummary& layer : built.layers) {
    api::LayerSummary* added = summary->add_layers();
    const bool dot = !player.empty() && !layer.name.empty();
    added->set_name(absl::StrCat(player, dot ? "." : "", layer.name));
    added->set_kind(layer.kind);
    for (int64_t size : layer.output_shape) added->add_output_shape(size);
    added->set_parameters(layer.parameters);
    added->set_plan(layer.plan);
  }
  summary->set_parameters(summary->parameters() + built.parameters);
  summary->set_parameter_bytes(summary->parameter_bytes() + built.parameter_bytes);
}

void CheckIndices(const std::string& field, const api::Layer& model, const Dataset& train,
                  const std::optional<Dataset>& test, Violations* violations) {
  if (train.inputs.scalar_type() != at::kLong) return;
  int64_t greatest = train.inputs.max().item<int64_t>();
  if (test) greatest = std::max(greatest, test->inputs.max().item<int64_t>());
  for (const IndexReader& reader : IndexReaders(field, model)) {
    const int64_t rows = reader.embedding->num_embeddings();
    if (greatest < rows) continue;
    violations->Add(reader.field + ".num_embeddings",
                    absl::StrCat("It is ", rows, ", but the data have indices up to ", greatest,
                                 "; give at least ", greatest + 1, "."),
                    reason::kOutOfRange);
  }
}

void CheckBatchNorms(const BuiltModel& built, const Model& model, const std::string& field,
                     const api::Data& data, int64_t examples, int64_t iterations,
                     Violations* violations) {
  const int64_t size = data.batch_size(), last = examples % size;
  // Value and gradient are taken at x_0 … x_iterations, on a batch each.
  const bool keeps = data.order().last_batch() != api::Order::DROP;
  const bool last_alone = keeps && last == 1 && iterations >= examples / size;
  if (size > 1 && !last_alone) return;
  const std::vector<std::string> held = model.held();
  for (const LayerSummary& layer : built.layers) {
    if (layer.kind != BatchNorm::kind) continue;
    int64_t positions = 1;
    for (size_t d = 1; d < layer.output_shape.size(); ++d) positions *= layer.output_shape[d];
    if (positions > 1 || std::ranges::find(held, layer.name) != held.end()) continue;
    const std::string name = absl::StrCat("layer `", layer.name, "` (batch_norm)");
    violations->Add(
        field + ".batch_size",
        size == 1
            ? absl::StrCat("It is 1, but ", name,
                           " normalizes over a batch, and what is alone becomes 0: give at least "
                           "2, or another norm (layer_norm, group_norm).")
            : absl::StrCat("An epoch's last batch has one example (", examples, " in batches of ",
                           size, "), which ", name,
                           " can't normalize: give another batch_size, or order: {last_batch: "
                           "drop}."),
        reason::kBatchOfOne);
    return;
  }
}

void AddDigest(const FileDigest& file, api::SpecSummary* summary) {
  const auto& known = summary->digests();
  if (std::any_of(known.begin(), known.end(),
                  [&](const api::DataDigest& d) { return d.path() == file.path; })) {
    return;
  }
  api::DataDigest* digest = summary->add_digests();
  digest->set_path(file.path);
  digest->set_sha256(file.sha256);
  digest->set_bytes(file.bytes);
}

void AddFiles(const Dataset& dataset, api::SpecSummary* summary) {
  for (const FileDigest& file : dataset.files) AddDigest(file, summary);
  for (const std::string& any : dataset.notes) {
    const std::string note = ShortUtf8(any, kMostNoteBytes);
    const auto& known = summary->notes();
    if (std::find(known.begin(), known.end(), note) == known.end()) summary->add_notes(note);
  }
}

std::vector<std::string> ClassNames(const api::DataSource& train, const Categories& categories) {
  std::string of;
  if (train.has_image_folder()) of = kFolders;
  if (train.has_text()) of = kCharacters;
  if (train.csv().targets_size() == 1) of = train.csv().targets(0);
  const auto found = categories.find(of);
  return found == categories.end() ? std::vector<std::string>() : found->second;
}

void AddClassNames(const api::DataSource& train, const Categories& categories,
                   api::SpecSummary* summary) {
  const std::vector<std::string> names = ClassNames(train, categories);
  size_t bytes = 0;
  for (const std::string& name : names) bytes += name.size();
  if (names.size() > kMostClassNames || bytes > kMostClassNameBytes) return;
  for (const std::string& name : names) summary->add_class_names(ValidUtf8(name));
}

}  // namespace descent::worker
