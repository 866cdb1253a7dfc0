#include "server/worker/session/evaluator.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "server/worker/session/evaluation_parts.h"

namespace descent::worker {

namespace api = ::descent::v1;

void Evaluator::Arrive(int64_t iteration) {
  iteration_ = iteration;
  seconds_.reset();
}

absl::StatusOr<api::Event> Evaluator::Evaluate(const std::string& request_id) {
  const int64_t since = clock_->MonotonicNanos();
  absl::StatusOr<EvaluationResult> result = trainer_->Evaluate();
  if (!result.ok()) return result.status();
  if (!seconds_) seconds_ = static_cast<double>(clock_->MonotonicNanos() - since) * 1e-9;
  api::Evaluated evaluation;
  evaluation.set_iteration(iteration_);
  evaluation.set_dataset("test");
  evaluation.set_samples(result->examples);
  evaluation.set_request_id(request_id);
  evaluation.set_seconds(*seconds_);
  std::vector<api::Event> parts = EvaluationParts(evaluation, *result);
  // All parts but the last are too many for one message, and so for one transaction.
  for (size_t i = 0; i + 1 < parts.size(); ++i) journal_->Write(std::move(parts[i]));
  return std::move(parts.back());
}

}  // namespace descent::worker
