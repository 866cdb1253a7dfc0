#include "server/worker/spec/objective_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/reflection.h>

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/objective/loss_kinds.h"
#include "core/objective/metric_kinds.h"
#include "core/objective/options.h"
#include "core/sequence/range.h"
#include "core/text/utf8.h"
#include "server/worker/spec/sequence_spec.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxTerms = 100;

// The member of `oneof kind` that is set; null if none is.
const FieldDescriptor* KindField(const Message& message) {
  return message.GetReflection()->GetOneofFieldDescriptor(
      message, message.GetDescriptor()->FindOneofByName("kind"));
}

const Message& Kind(const Message& message) {
  return message.GetReflection()->GetMessage(message, KindField(message));
}

Message* MutableKind(Message* message) {
  return message->GetReflection()->MutableMessage(message, KindField(*message));
}

std::string KindNames(const Message& message) {
  std::vector<std::string> names;
  const auto* kinds = message.GetDescriptor()->FindOneofByName("kind");
  for (int i = 0; i < kinds->field_count(); ++i) names.push_back(kinds->field(i)->name());
  return absl::StrJoin(names, ", ");
}

std::string Sentence(const absl::Status& status) {
  return absl::StrCat(std::string(status.message()), ".");
}

const FieldDescriptor* FieldOf(const Message& message, const OptionField& option) {
  return message.GetDescriptor()->FindFieldByName(option.range.field);
}

// What the message says of the field, in the type that core declares.
OptionValue Read(const Message& message, const OptionField& option) {
  const FieldDescriptor* field = FieldOf(message, option);
  const auto* reflection = message.GetReflection();
  if (std::holds_alternative<double>(option.default_value)) {
    return reflection->GetDouble(message, field);
  }
  if (std::holds_alternative<int64_t>(option.default_value)) {
    return reflection->GetInt64(message, field);
  }
  if (std::holds_alternative<bool>(option.default_value)) {
    return reflection->GetBool(message, field);
  }
  const auto list = reflection->GetRepeatedFieldRef<double>(message, field);
  return std::vector<double>(list.begin(), list.end());
}

OptionValues ReadAll(const std::vector<OptionField>& options, const Message& message) {
  OptionValues values;
  for (const OptionField& option : options) {
    values.emplace_back(option.range.field, Read(message, option));
  }
  return values;
}

void SetDefault(const OptionField& option, Message* message) {
  const FieldDescriptor* field = FieldOf(*message, option);
  const auto* reflection = message->GetReflection();
  if (field->is_repeated() || reflection->HasField(*message, field)) return;
  if (const auto* number = std::get_if<double>(&option.default_value)) {
    reflection->SetDouble(message, field, *number);
  } else if (const auto* whole = std::get_if<int64_t>(&option.default_value)) {
    reflection->SetInt64(message, field, *whole);
  } else if (const auto* flag = std::get_if<bool>(&option.default_value)) {
    reflection->SetBool(message, field, *flag);
  }
}

void ResolveOptions(const std::vector<OptionField>& options, const std::string& path,
                    Message* message, Violations* violations) {
  for (const OptionField& option : options) {
    SetDefault(option, message);
    const absl::Status status = CheckOption(option.range, Read(*message, option));
    if (status.ok()) continue;
    violations->Add(absl::StrCat(path, ".", option.range.field), Sentence(status), "OUT_OF_RANGE");
  }
}

// One loss; false if it is none.
bool ResolveLoss(const std::string& path, api::Objective* objective, Violations* violations) {
  const FieldDescriptor* field = KindField(*objective);
  const LossKind* kind = field == nullptr ? nullptr : FindLossKind(field->name());
  if (kind == nullptr) return false;
  ResolveOptions(kind->fields(), absl::StrCat(path, ".", field->name()), MutableKind(objective),
                 violations);
  return true;
}

void ResolveTerm(const std::string& path, api::ObjectiveTerm* term, Violations* violations) {
  if (!ResolveTermLoss(absl::StrCat(path, ".objective"), term->mutable_objective(), violations)) {
    return;
  }
  if (!term->has_name()) term->set_name(LossName(term->objective()));
  CheckName(absl::StrCat(path, ".name"), term->name(), violations);
  if (!term->has_weight()) term->mutable_weight()->set_constant(1);
  ResolveSequence(NonNegative("weight"), absl::StrCat(path, ".weight"), term->mutable_weight(),
                  violations);
}

void ResolveSum(api::SumObjective* sum, Violations* violations) {
  if (sum->terms().empty() || sum->terms_size() > kMaxTerms) {
    violations->Add("objective.sum.terms",
                    absl::StrCat("Give from 1 to ", kMaxTerms, " terms, each with an objective."),
                    "MISSING_FIELD");
    return;
  }
  std::set<std::string> names;
  for (int i = 0; i < sum->terms_size(); ++i) {
    const std::string path = absl::StrCat("objective.sum.terms[", i, "]");
    ResolveTerm(path, sum->mutable_terms(i), violations);
    if (sum->terms(i).has_name() && !names.insert(sum->terms(i).name()).second) {
      violations->Add(absl::StrCat(path, ".name"),
                      absl::StrCat("Two terms are called \"", ShortUtf8(sum->terms(i).name(), 100),
                                   "\": give them different names."),
                      "DUPLICATE_NAME");
    }
  }
}

// Its fields, whatever its kind: they are the same of all.
struct PenaltyFields {
  Message* message;

  explicit PenaltyFields(api::Penalty* penalty) : message(MutableKind(penalty)) {}
  const FieldDescriptor* Field(const char* name) const {
    return message->GetDescriptor()->FindFieldByName(name);
  }
  bool has_weight() const { return message->GetReflection()->HasField(*message, Field("weight")); }
  api::Sequence* weight() const {
    return static_cast<api::Sequence*>(
        message->GetReflection()->MutableMessage(message, Field("weight")));
  }
  bool has_pattern() const {
    return message->GetReflection()->HasField(*message, Field("pattern"));
  }
  std::string pattern() const {
    return message->GetReflection()->GetString(*message, Field("pattern"));
  }
  void set_pattern(const std::string& pattern) const {
    message->GetReflection()->SetString(message, Field("pattern"), pattern);
  }
};

void ResolvePenalty(const std::string& path, api::Penalty* penalty, Violations* violations) {
  if (penalty->kind_case() == api::Penalty::KIND_NOT_SET) {
    violations->Add(path, absl::StrCat("Give one of ", KindNames(*penalty), "."), "MISSING_FIELD");
    return;
  }
  const std::string inner = absl::StrCat(path, ".", KindField(*penalty)->name());
  const PenaltyFields fields(penalty);
  if (!fields.has_pattern()) fields.set_pattern("*");
  if (!fields.has_weight()) {
    violations->Add(absl::StrCat(inner, ".weight"), "Give a number.", "MISSING_FIELD");
    return;
  }
  ResolveSequence(NonNegative("weight"), absl::StrCat(inner, ".weight"), fields.weight(),
                  violations);
}

Penalty::Kind ToKind(const api::Penalty& penalty) {
  return penalty.has_l1()   ? Penalty::Kind::kL1
         : penalty.has_l2() ? Penalty::Kind::kL2
                            : Penalty::Kind::kGroup;
}

std::string TermPath(const api::Objective& objective, int i) {
  if (!objective.has_sum()) return absl::StrCat("objective.", KindField(objective)->name());
  const api::Objective& inner = objective.sum().terms(i).objective();
  return absl::StrCat("objective.sum.terms[", i, "].objective.", KindField(inner)->name());
}

}  // namespace

bool ResolveTermLoss(const std::string& path, api::Objective* objective, Violations* violations) {
  if (!ResolveLoss(path, objective, violations)) {
    const FieldDescriptor* field = KindField(*objective);
    violations->Add(path,
                    field == nullptr
                        ? "Give a loss, such as cross_entropy."
                        : absl::StrCat("A term is a loss, and ", field->name(), " is none."),
                    field == nullptr ? "MISSING_FIELD" : "UNSUPPORTED");
    return false;
  }
  if (objective->penalties_size() > 0) {
    violations->Add(absl::StrCat(path, ".penalties"),
                    "Penalties belong to the whole objective: give them as objective.penalties.",
                    "UNSUPPORTED");
  }
  return true;
}

const std::string& LossName(const api::Objective& objective) {
  return KindField(objective)->name();
}

void CheckName(const std::string& path, const std::string& name, Violations* violations) {
  const bool valid = !name.empty() && name.size() <= 100 &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return absl::ascii_isalnum(c) || c == '_' || c == '-';
                     });
  if (valid) return;
  violations->Add(path,
                  absl::StrCat("\"", ShortUtf8(name, 100),
                               "\" is no name: use 1 to 100 letters, digits, _ and -."),
                  "INVALID_NAME");
}

Loss ToLoss(const api::Objective& objective) {
  const LossKind& kind = *FindLossKind(KindField(objective)->name());
  // Resolved: there is nothing to refuse.
  return *kind.Make(ReadAll(kind.fields(), Kind(objective)));
}

void ResolveObjective(api::Objective* objective, Violations* violations) {
  const FieldDescriptor* field = KindField(*objective);
  if (field == nullptr) {
    violations->Add("objective", absl::StrCat("Give one of ", KindNames(*objective), "."),
                    "MISSING_FIELD");
    return;
  }
  if (objective->has_sum()) {
    ResolveSum(objective->mutable_sum(), violations);
  } else if (!ResolveLoss("objective", objective, violations)) {
    violations->Add(absl::StrCat("objective.", field->name()), "This worker does not have it.",
                    "UNSUPPORTED");
  }
  if (objective->penalties_size() > kMaxTerms) {
    violations->Add("objective.penalties", absl::StrCat("Give at most ", kMaxTerms, " penalties."),
                    "TOO_LARGE");
    return;
  }
  for (int i = 0; i < objective->penalties_size(); ++i) {
    ResolvePenalty(absl::StrCat("objective.penalties[", i, "]"), objective->mutable_penalties(i),
                   violations);
  }
}

void ResolveMetrics(const api::Objective& objective, api::Evaluation* evaluation,
                    Violations* violations) {
  if (evaluation->metrics().empty() &&
      ToLossSum(objective).terms[0].loss.predicts != Predicts::kValues) {
    evaluation->add_metrics()->mutable_accuracy();
  }
  constexpr int kMostMetrics = 256;
  if (evaluation->metrics_size() > kMostMetrics) {
    violations->Add("evaluation.metrics",
                    absl::StrCat("There are ", evaluation->metrics_size(), "; give at most ",
                                 kMostMetrics, "."),
                    "TOO_LARGE");
    return;
  }
  std::set<std::string> names;
  for (int i = 0; i < evaluation->metrics_size(); ++i) {
    api::EvaluationMetric* metric = evaluation->mutable_metrics(i);
    const std::string path = absl::StrCat("evaluation.metrics[", i, "]");
    const FieldDescriptor* field = KindField(*metric);
    const MetricKind* kind = field == nullptr ? nullptr : FindMetricKind(field->name());
    if (kind == nullptr) {
      violations->Add(path, absl::StrCat("Give one of ", KindNames(*metric), "."), "MISSING_FIELD");
      continue;
    }
    const std::string inner = absl::StrCat(path, ".", field->name());
    ResolveOptions(kind->fields(), inner, MutableKind(metric), violations);
    const absl::StatusOr<Metric> made = kind->Make(ReadAll(kind->fields(), Kind(*metric)));
    if (made.ok() && !names.insert(made->name).second) {
      violations->Add(inner, absl::StrCat("The metric ", made->name, " is there twice."),
                      "DUPLICATE_NAME");
    }
  }
}

void ResolveWeights(const SequenceDefaults& defaults, api::Objective* objective) {
  if (objective->has_sum()) {
    for (api::ObjectiveTerm& term : *objective->mutable_sum()->mutable_terms()) {
      ResolveSequenceInRun(defaults, term.mutable_weight());
    }
  }
  for (api::Penalty& penalty : *objective->mutable_penalties()) {
    ResolveSequenceInRun(defaults, PenaltyFields(&penalty).weight());
  }
}

LossSum ToLossSum(const api::Objective& objective) {
  std::vector<LossTerm> terms;
  for (const api::ObjectiveTerm& term : objective.sum().terms()) {
    terms.push_back({term.name(), ToLoss(term.objective()), ToSequence(term.weight())});
  }
  if (!objective.has_sum()) {
    terms.push_back({KindField(objective)->name(), ToLoss(objective), std::nullopt});
  }
  std::vector<Penalty> penalties;
  for (api::Penalty penalty : objective.penalties()) {
    const PenaltyFields fields(&penalty);
    penalties.push_back({ToKind(penalty), ToSequence(*fields.weight()), fields.pattern()});
  }
  return LossSum(std::move(terms), std::move(penalties));
}

std::vector<Metric> ToMetrics(const api::Evaluation& evaluation) {
  std::vector<Metric> metrics;
  for (const api::EvaluationMetric& metric : evaluation.metrics()) {
    const MetricKind& kind = *FindMetricKind(KindField(metric)->name());
    metrics.push_back(*kind.Make(ReadAll(kind.fields(), Kind(metric))));
  }
  return metrics;
}

void CheckObjectiveShapes(const api::Spec& spec, const Shape& output, const Shape& target,
                          Violations* violations) {
  const LossSum loss = ToLossSum(spec.objective());
  for (size_t i = 0; i < loss.terms.size(); ++i) {
    const absl::Status status = loss.terms[i].loss.CheckShapes(output, target);
    if (status.ok()) continue;
    violations->Add(TermPath(spec.objective(), static_cast<int>(i)), Sentence(status),
                    "SHAPE_MISMATCH");
  }
  if (!violations->empty()) return;
  const std::vector<Metric> metrics = ToMetrics(spec.evaluation());
  for (size_t i = 0; i < metrics.size(); ++i) {
    const absl::Status status = metrics[i].check(loss.terms[0].loss, output);
    if (status.ok()) continue;
    const auto& metric = spec.evaluation().metrics(static_cast<int>(i));
    violations->Add(absl::StrCat("evaluation.metrics[", i, "].", KindField(metric)->name()),
                    Sentence(status), "UNSUPPORTED");
  }
}

}  // namespace descent::worker
