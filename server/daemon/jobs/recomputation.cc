#include "server/daemon/jobs/recomputation.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/daemon/jobs/compare.h"
#include "server/daemon/journal/entries.h"

namespace descent::daemon {

Recomputation::EvaluationKey Recomputation::KeyOf(const v1::Evaluated& evaluation) {
  return {evaluation.iteration(), evaluation.dataset(), evaluation.request_id(), evaluation.part()};
}

absl::Status ReadIterations(JobJournal& journal, const Lineage& lineage, int64_t iteration,
                            std::map<int64_t, v1::Iteration>* iterations) {
  absl::StatusOr<RowPtr> row = journal.FindIteration(lineage.BranchOf(iteration), iteration);
  if (!row.ok()) return row.status();
  for (const Entry& entry : Entries(**row)) {
    // A row may go on into what a rewind has left behind.
    if (!lineage.Holds((*row)->branch, entry.iteration)) continue;
    v1::Event event;
    if (!event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()))) {
      return absl::DataLossError("A journaled iteration can't be read");
    }
    (*iterations)[entry.iteration] = std::move(*event.mutable_iteration());
  }
  return absl::OkStatus();
}

Recomputation Recomputation::Read(JobJournal& journal, const Lineage& lineage,
                                  int64_t head_iteration, const worker::v1::EventBatch& batch,
                                  Recomputation before) {
  Recomputation read;
  read.iterations_ = std::move(before.iterations_);
  int64_t first = std::numeric_limits<int64_t>::max();
  for (const std::string& bytes : batch.events()) {
    const absl::StatusOr<PendingEvent> event = ScanEvent(bytes);
    if (!event.ok()) continue;
    if (event->kind == v1::EVALUATION) read.ReadEvaluations(journal, lineage, bytes);
    if (event->kind != v1::ITERATION || event->iteration > head_iteration) continue;
    first = std::min(first, event->iteration);
    if (read.iterations_.count(event->iteration) > 0) continue;
    // If it is not found it was thinned away. Damage: the job is being taken out of service.
    ReadIterations(journal, lineage, event->iteration, &read.iterations_).IgnoreError();
  }
  if (first != std::numeric_limits<int64_t>::max()) {
    read.iterations_.erase(read.iterations_.begin(), read.iterations_.lower_bound(first));
  }
  return read;
}

void Recomputation::ReadEvaluations(JobJournal& journal, const Lineage& lineage,
                                    const std::string& event) {
  v1::Event parsed;
  if (!parsed.ParseFromString(event)) return;
  const v1::Evaluated& evaluation = parsed.evaluation();
  // An evaluation that a request asked for is of the boundary's commands, which come after a state
  // that a branch begins at.
  const int64_t iteration = evaluation.iteration();
  const int32_t branch =
      lineage.BranchOf(evaluation.request_id().empty() ? iteration : iteration + 1);
  const absl::StatusOr<std::vector<RowPtr>> rows = journal.FindEvaluations(branch, iteration);
  if (!rows.ok()) return;  // damage: the job is being taken out of service
  for (const RowPtr& row : *rows) {
    for (const Entry& entry : Entries(*row)) {
      if (!parsed.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()))) {
        continue;
      }
      evaluations_[KeyOf(parsed.evaluation())] = parsed.evaluation();
    }
  }
}

std::optional<std::string> Recomputation::CompareIteration(int64_t index,
                                                           const std::string& event) const {
  const auto journaled = iterations_.find(index);
  if (journaled == iterations_.end()) return std::nullopt;
  v1::Event recomputed;
  recomputed.ParseFromString(event);
  const std::string difference = Difference(journaled->second, recomputed.iteration());
  return difference.empty() ? "" : absl::StrCat("iteration ", index, ": ", difference);
}

std::optional<std::string> Recomputation::CompareEvaluation(const v1::Evaluated& evaluation) const {
  const auto found = evaluations_.find(KeyOf(evaluation));
  if (found == evaluations_.end()) return std::nullopt;
  const v1::Evaluated& journaled = found->second;
  const std::string difference = Difference(journaled, evaluation);
  if (difference.empty()) return "";
  return absl::StrCat("evaluation of ", journaled.dataset(), " at iteration ",
                      journaled.iteration(), ": ", difference);
}

}  // namespace descent::daemon
