#include "server/worker/bridge/objective_spec.h"

#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/objective/loss_kinds.h"
#include "core/objective/metric_kinds.h"
#include "core/objective/penalty_kinds.h"
#include "core/sequence/range.h"
#include "core/text/utf8.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/field_reader.h"
#include "server/worker/bridge/sequence_spec.h"

namespace descent::worker {
namespace {

constexpr int kMaxTerms = 100;

void ResolveTerm(const std::string& path, api::ObjectiveTerm* term, Violations* violations) {
  if (!ResolveTermLoss(absl::StrCat(path, ".objective"), term->mutable_objective(), violations)) {
    return;
  }
  if (!term->has_name()) term->set_name(KindOf(term->objective()));
  CheckName(absl::StrCat(path, ".name"), term->name(), violations);
  if (!term->has_weight()) term->mutable_weight()->set_constant(1);
  ReadSequence(NonNegative("weight"), absl::StrCat(path, ".weight"), term->mutable_weight(),
               violations);
}

void ResolveSum(api::SumObjective* sum, Violations* violations) {
  if (sum->terms().empty() || sum->terms_size() > kMaxTerms) {
    violations->Add("objective.sum.terms",
                    absl::StrCat("Give from 1 to ", kMaxTerms, " terms, each with an objective."),
                    reason::kMissingField);
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
                      reason::kDuplicateName);
    }
  }
}

std::string TermPath(const api::Objective& objective, int i) {
  if (!objective.has_sum()) return absl::StrCat("objective.", KindOf(objective));
  const api::Objective& inner = objective.sum().terms(i).objective();
  return absl::StrCat("objective.sum.terms[", i, "].objective.", KindOf(inner));
}

}  // namespace

bool ResolveTermLoss(const std::string& path, api::Objective* objective, Violations* violations) {
  if (!ReadKind(NewLoss, objective, path, violations)) {
    const std::string kind = KindOf(*objective);
    violations->Add(path,
                    kind.empty() ? "Give a loss, such as cross_entropy."
                                 : absl::StrCat("A term is a loss, and ", kind, " is none."),
                    kind.empty() ? reason::kMissingField : reason::kUnsupported);
    return false;
  }
  if (objective->penalties_size() > 0) {
    violations->Add(absl::StrCat(path, ".penalties"),
                    "Penalties belong to the whole objective: give them as objective.penalties.",
                    reason::kUnsupported);
  }
  return true;
}

Loss ToLoss(const api::Objective& objective) {
  api::Objective copy = objective;
  return ReadKind(NewLoss, &copy, "", nullptr)->Make();
}

std::vector<Loss> LossesOf(const api::Objective& objective) {
  std::vector<Loss> losses;
  const auto add = [&](api::Objective one) {
    if (const auto form = ReadKind(NewLoss, &one, "", nullptr)) losses.push_back(form->Make());
  };
  add(objective);  // a sum is none
  for (const api::ObjectiveTerm& term : objective.sum().terms()) add(term.objective());
  return losses;
}

void ResolveObjective(api::Objective* objective, Violations* violations) {
  const std::string kind = KindOf(*objective);
  if (kind.empty()) return AddNoKind("objective", *objective, violations);
  if (objective->has_sum()) {
    ResolveSum(objective->mutable_sum(), violations);
  } else if (!ReadKind(NewLoss, objective, "objective", violations)) {
    violations->Add(absl::StrCat("objective.", kind), "This worker does not have it.",
                    reason::kUnsupported);
  }
  if (objective->penalties_size() > kMaxTerms) {
    violations->Add("objective.penalties", absl::StrCat("Give at most ", kMaxTerms, " penalties."),
                    reason::kTooLarge);
    return;
  }
  for (int i = 0; i < objective->penalties_size(); ++i) {
    const std::string path = absl::StrCat("objective.penalties[", i, "]");
    api::Penalty* penalty = objective->mutable_penalties(i);
    if (!ReadKind<DialsReader>(NewPenalty, penalty, path, violations)) {
      AddNoKind(path, *penalty, violations);
    }
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
                    reason::kTooLarge);
    return;
  }
  std::set<std::string> names;
  for (int i = 0; i < evaluation->metrics_size(); ++i) {
    api::EvaluationMetric* metric = evaluation->mutable_metrics(i);
    const std::string path = absl::StrCat("evaluation.metrics[", i, "]");
    const std::unique_ptr<MetricForm> form = NewMetric(KindOf(*metric));
    if (!form) {
      AddNoKind(path, *metric, violations);
      continue;
    }
    const std::string inside = absl::StrCat(path, ".", std::string(form->kind()));
    if (!FieldReader(MutableKind(metric), inside, violations).Read(form->fields())) continue;
    const std::string name = form->Make().name;
    if (!names.insert(name).second) {
      violations->Add(inside, absl::StrCat("The metric ", name, " is there twice."),
                      reason::kDuplicateName);
    }
  }
}

LossSum ToLossSum(const api::Objective& objective) {
  std::vector<LossTerm> terms;
  for (const api::ObjectiveTerm& term : objective.sum().terms()) {
    terms.push_back({term.name(), ToLoss(term.objective()), ToSequence(term.weight())});
  }
  if (!objective.has_sum()) {
    terms.push_back({KindOf(objective), ToLoss(objective), std::nullopt});
  }
  std::vector<Penalty> penalties;
  for (api::Penalty penalty : objective.penalties()) {
    penalties.push_back(ReadKind<DialsReader>(NewPenalty, &penalty, "", nullptr)->Make());
  }
  return LossSum(std::move(terms), std::move(penalties));
}

std::vector<Metric> ToMetrics(const api::Evaluation& evaluation) {
  std::vector<Metric> metrics;
  for (api::EvaluationMetric metric : evaluation.metrics()) {
    metrics.push_back(ReadKind(NewMetric, &metric, "", nullptr)->Make());
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
                    reason::kShapeMismatch);
  }
  if (!violations->empty()) return;
  const std::vector<Metric> metrics = ToMetrics(spec.evaluation());
  for (size_t i = 0; i < metrics.size(); ++i) {
    const absl::Status status = metrics[i].check(loss.terms[0].loss, output);
    if (status.ok()) continue;
    const auto& metric = spec.evaluation().metrics(static_cast<int>(i));
    violations->Add(absl::StrCat("evaluation.metrics[", i, "].", KindOf(metric)), Sentence(status),
                    reason::kUnsupported);
  }
}

}  // namespace descent::worker
