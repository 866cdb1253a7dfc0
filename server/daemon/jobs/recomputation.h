// A `Recomputation` is what the journal has of the iterations and evaluations that an attempt
// computes once more, which are compared with it and not appended (rule 6 of server/README.md). A
// value.
#ifndef DESCENT_SERVER_DAEMON_JOBS_RECOMPUTATION_H_
#define DESCENT_SERVER_DAEMON_JOBS_RECOMPUTATION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/daemon/jobs/lineage.h"
#include "server/daemon/journal/journal.h"

namespace descent::daemon {

class Recomputation {
 public:
  Recomputation() = default;

  // Reads what the journal has of those in a batch, in the history of `lineage` up to its head.
  // `before` is what was read for the batch before. Reads the store, so it blocks.
  static Recomputation Read(JobJournal& journal, const Lineage& lineage, int64_t head_iteration,
                            const worker::v1::EventBatch& batch, Recomputation before);

  // Give where an event of that batch differs from the journal's, in words; empty if nowhere;
  // nullopt if the journal has none.
  std::optional<std::string> CompareIteration(int64_t index, const std::string& event) const;
  std::optional<std::string> CompareEvaluation(const v1::Evaluated& evaluation) const;

 private:
  // What names an evaluation's event in the present history: iteration, dataset, request_id, part.
  using EvaluationKey = std::tuple<int64_t, std::string, std::string, int32_t>;
  static EvaluationKey KeyOf(const v1::Evaluated& evaluation);

  void ReadEvaluations(JobJournal& journal, const Lineage& lineage, const std::string& event);

  std::map<int64_t, v1::Iteration> iterations_;
  std::map<EvaluationKey, v1::Evaluated> evaluations_;
};

// Adds the iterations of the stored row that has this one, as far as they are of the history. Reads
// the store, so it blocks.
absl::Status ReadIterations(JobJournal& journal, const Lineage& lineage, int64_t iteration,
                            std::map<int64_t, v1::Iteration>* iterations);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_RECOMPUTATION_H_
