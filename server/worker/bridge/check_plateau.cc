#include "server/worker/bridge/check_plateau.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/objective/metric.h"
#include "core/sequence/sequence.h"
#include "core/text/utf8.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/function_spec.h"
#include "server/worker/bridge/objective_spec.h"
#include "server/worker/bridge/resolve.h"

namespace descent::worker {
namespace {

// Gives what an evaluation says in one number each.
std::vector<Metric> EvaluatedNumbers(const api::Spec& spec) {
  std::vector<Metric> numbers = {
      {.name = "loss", .better = Better::kLess, .check = {}, .start = {}}};
  for (Metric& metric : ToMetrics(spec.evaluation())) {
    if (metric.better != Better::kNeither) numbers.push_back(std::move(metric));
  }
  for (size_t i = 0, n = numbers.size(); i < n && spec.evaluation().training_data(); ++i) {
    numbers.push_back({.name = kTrainPrefix + numbers[i].name,
                       .better = numbers[i].better,
                       .check = {},
                       .start = {}});
  }
  return numbers;
}

}  // namespace

void CheckPlateau(const std::string& path, const api::PlateauSequence& plateau,
                  const Prepared& prepared, Violations* violations) {
  if (plateau.metric() == descent::Sequence::kValue) return;
  const std::string field = absl::StrCat(path, ".metric");
  const std::vector<Metric> known =
      IsFunction(prepared.spec) ? std::vector<Metric>() : EvaluatedNumbers(prepared.spec);
  const auto found = std::find_if(known.begin(), known.end(), [&](const Metric& metric) {
    return metric.name == plateau.metric();
  });
  if (found == known.end()) {
    std::vector<std::string> names = {descent::Sequence::kValue};
    for (const Metric& metric : known) names.push_back(metric.name);
    violations->Add(field,
                    absl::StrCat("Evaluations have no metric `", ShortUtf8(plateau.metric(), 100),
                                 "`; give one of ", absl::StrJoin(names, ", "), "."),
                    reason::kUnknownMetric);
    return;
  }
  if (!prepared.test) {
    violations->Add(field,
                    absl::StrCat("It goes by `", found->name,
                                 "` of the evaluations, but there are no test data; give "
                                 "data.test, or the metric value."),
                    reason::kMissingField);
    return;
  }
  const Agenda agenda = ToAgenda(prepared.summary.iterations_per_epoch(), prepared.spec);
  if (agenda.FirstEvaluation() >= agenda.iterations) {
    violations->Add(field,
                    absl::StrCat("It goes by `", found->name,
                                 "` of the evaluations, but there is none before the end; give "
                                 "evaluation.every_iterations, or the metric value."),
                    reason::kConflict);
    return;
  }
  if (absl::Status status = CheckDirection(*found, plateau.maximize()); !status.ok()) {
    violations->Add(absl::StrCat(path, ".maximize"), Sentence(status), reason::kConflict);
  }
}

}  // namespace descent::worker
