// How good a model is on a whole data set.
#ifndef DESCENT_CORE_OBJECTIVE_EVALUATE_H_
#define DESCENT_CORE_OBJECTIVE_EVALUATE_H_

#include <cstdint>
#include <optional>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/model/layers.h"
#include "core/objective/loss.h"

namespace descent {

struct EvaluationResult {
  double loss = 0;                 // mean over the examples
  std::optional<double> accuracy;  // share of right classes; only of losses that classify
  int64_t examples = 0;
};

// Inputs [n, …] and targets [n, …], n ≥ 1, looked at in order in batches of batch_size ≥ 1 (the
// last one may be smaller), without recording a graph. The same arguments give the same bits.
// INVALID_ARGUMENT for wrong arguments, and if shapes don't fit.
absl::StatusOr<EvaluationResult> Evaluate(const Model& model, const Loss& loss,
                                          const at::Tensor& inputs, const at::Tensor& targets,
                                          int64_t batch_size = 1024);

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_EVALUATE_H_
