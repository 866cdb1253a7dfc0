// `Evaluate` says how good a model is on a whole data set.
#ifndef DESCENT_CORE_OBJECTIVE_EVALUATE_H_
#define DESCENT_CORE_OBJECTIVE_EVALUATE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/model/layers.h"
#include "core/objective/loss_sum.h"
#include "core/objective/metric.h"

namespace descent {

struct EvaluateOptions {
  // The metrics, which go with the first term's predictions (Metric::check).
  std::span<const Metric> metrics = {};
  // The weights of the loss's terms; if empty, those at iteration 0.
  std::span<const double> weights = {};
  int64_t batch_size = 1024;
  // Brings predictions and targets back to the units that metrics, but not the loss, speak of. If
  // null, metrics are taken of the numbers as they are.
  std::function<at::Tensor(const at::Tensor&)> original = nullptr;
};

struct EvaluationResult {
  double loss = 0;                   // the mean over the examples, without penalties
  std::vector<MetricValue> metrics;  // in the order in which they were asked for
  int64_t examples = 0;
};

// Evaluates inputs [n, …] and targets [n, …], n ≥ 1, on any device, looked at once and in order in
// batches of batch_size ≥ 1 (the last one may be smaller), without recording a graph. Sums are in
// double; the same arguments give the same bits. INVALID_ARGUMENT for wrong arguments, and if
// shapes don't fit.
absl::StatusOr<EvaluationResult> Evaluate(const Model& model, const LossSum& loss,
                                          const at::Tensor& inputs, const at::Tensor& targets,
                                          const EvaluateOptions& options = {});

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_EVALUATE_H_
