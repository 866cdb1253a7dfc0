#include "server/worker/bridge/objective_spec.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

// One loss; false if it is none.
bool ResolveLoss(const std::string& path, api::Objective* objective, Violations* violations) {
  const std::unique_ptr<LossForm> loss = NewLoss(KindOf(*objective));
  if (!loss) return false;
  const std::string inside = absl::StrCat(path, ".", std::string(loss->kind()));
  FieldReader(MutableKind(objective), inside, violations).Read(loss->fields());
  return true;
}

void ResolveTerm(const std::string& path, api::ObjectiveTerm* term, Violations* violations) {
  if (!ResolveTermLoss(absl::StrCat(path, ".objective"), term->mutable_objective(), violations)) {
    return;
  }
  if (!term->has_name()) term->set_name(KindOf(term->objective()));
  CheckName(absl::StrCat(path, ".name"), term->name(), violations);
  if (!term->has_weight()) term->mutable_weight()->set_constant(1);
  ResolveSequence(NonNegative("weight"), absl::StrCat(path, ".weight"), term->mutable_weight(),
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

void ResolvePenalty(const std::string& path, api::Penalty* given, Violations* violations) {
  const std::unique_ptr<PenaltyForm> penalty = NewPenalty(KindOf(*given));
  if (!penalty) {
    violations->Add(path, absl::StrCat("Give one of ", KindNames(*given), "."),
                    reason::kMissingField);
    return;
  }
  const std::string inside = absl::StrCat(path, ".", std::string(penalty->kind()));
  DialsReader(MutableKind(given), inside, violations).Read(penalty->fields());
}

Penalty ToPenalty(api::Penalty given) {
  const std::unique_ptr<PenaltyForm> penalty = NewPenalty(KindOf(given));
  DialsReader(MutableKind(&given), "", nullptr).Read(penalty->fields());
  return penalty->Make();
}

Metric ToMetric(api::EvaluationMetric given) {
  const std::unique_ptr<MetricForm> metric = NewMetric(KindOf(given));
  FieldReader(MutableKind(&given), "", nullptr).Read(metric->fields());
  return metric->Make();
}

std::string TermPath(const api::Objective& objective, int i) {
  if (!objective.has_sum()) return absl::StrCat("objective.", KindOf(objective));
  const api::Objective& inner = objective.sum().terms(i).objective();
  return absl::StrCat("objective.sum.terms[", i, "].objective.", KindOf(inner));
}

}  // namespace

bool ResolveTermLoss(const std::string& path, api::Objective* objective, Violations* violations) {
  if (!ResolveLoss(path, objective, violations)) {
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

void CheckName(const std::string& path, const std::string& name, Violations* violations) {
  const bool valid = !name.empty() && name.size() <= 100 &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return absl::ascii_isalnum(c) || c == '_' || c == '-';
                     });
  if (valid) return;
  violations->Add(path,
                  absl::StrCat("\"", ShortUtf8(name, 100),
                               "\" is no name: use 1 to 100 letters, digits, _ and -."),
                  reason::kInvalidName);
}

Loss ToLoss(const api::Objective& objective) {
  api::Objective copy = objective;
  const std::unique_ptr<LossForm> loss = NewLoss(KindOf(copy));
  FieldReader(MutableKind(&copy), "", nullptr).Read(loss->fields());
  return loss->Make();
}

void ResolveObjective(api::Objective* objective, Violations* violations) {
  const std::string kind = KindOf(*objective);
  if (kind.empty()) {
    violations->Add("objective", absl::StrCat("Give one of ", KindNames(*objective), "."),
                    reason::kMissingField);
    return;
  }
  if (objective->has_sum()) {
    ResolveSum(objective->mutable_sum(), violations);
  } else if (!ResolveLoss("objective", objective, violations)) {
    violations->Add(absl::StrCat("objective.", kind), "This worker does not have it.",
                    reason::kUnsupported);
  }
  if (objective->penalties_size() > kMaxTerms) {
    violations->Add("objective.penalties", absl::StrCat("Give at most ", kMaxTerms, " penalties."),
                    reason::kTooLarge);
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
                    reason::kTooLarge);
    return;
  }
  std::set<std::string> names;
  for (int i = 0; i < evaluation->metrics_size(); ++i) {
    api::EvaluationMetric* metric = evaluation->mutable_metrics(i);
    const std::string path = absl::StrCat("evaluation.metrics[", i, "]");
    const std::unique_ptr<MetricForm> form = NewMetric(KindOf(*metric));
    if (!form) {
      violations->Add(path, absl::StrCat("Give one of ", KindNames(*metric), "."),
                      reason::kMissingField);
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

void ResolveWeights(const SequenceDefaults& defaults, api::Objective* objective) {
  ResolveSequencesInRun(defaults, objective);
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
  for (const api::Penalty& penalty : objective.penalties()) penalties.push_back(ToPenalty(penalty));
  return LossSum(std::move(terms), std::move(penalties));
}

std::vector<Metric> ToMetrics(const api::Evaluation& evaluation) {
  std::vector<Metric> metrics;
  for (const api::EvaluationMetric& metric : evaluation.metrics()) {
    metrics.push_back(ToMetric(metric));
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
