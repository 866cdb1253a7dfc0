#include "core/objective/evaluate.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/core/grad_mode.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/layers.h"
#include "core/objective/loss_sum.h"
#include "core/objective/metric.h"
#include "core/space/number.h"
#include "core/text/exception_text.h"

namespace descent {
namespace {

// The mean of a loss over batches, each weighted by what its own mean was divided by.
struct Mean {
  double sum = 0, weight = 0;

  void Add(const Loss& loss, const at::Tensor& predictions, const at::Tensor& targets) {
    const double value = Number(loss(predictions, targets)), share = loss.WeightOf(targets);
    // A batch in which nothing counts has no mean.
    if (share != 0) sum += value * share;
    weight += share;
  }
  // If all examples weigh nothing the loss is 0, as in training.
  double value() const { return weight == 0 ? 0 : sum / weight; }
};

}  // namespace

absl::StatusOr<EvaluationResult> Evaluate(const Model& model, const LossSum& loss,
                                          const at::Tensor& inputs, const at::Tensor& targets,
                                          const EvaluateOptions& options) try {
  const int64_t batch_size = options.batch_size;
  if (batch_size < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch_size: ", batch_size, " is too small; give a number ≥ 1"));
  }
  if (inputs.dim() < 1 || targets.dim() < 1 || inputs.size(0) < 1 ||
      inputs.size(0) != targets.size(0)) {
    return absl::InvalidArgumentError(
        "the data to evaluate on need as many targets as inputs, and at least one");
  }
  const at::NoGradGuard no_graph;
  const int64_t examples = inputs.size(0);
  const at::Device device = model.parameters()[0].tensor.device();
  std::vector<Mean> means(loss.terms.size());
  std::vector<std::unique_ptr<Tally>> tallies;
  for (const Metric& metric : options.metrics) tallies.push_back(metric.start(loss.terms[0].loss));
  for (int64_t first = 0; first < examples; first += batch_size) {
    const int64_t count = std::min(batch_size, examples - first);
    const at::Tensor batch_targets = targets.narrow(0, first, count).to(device);
    const at::Tensor predictions = model(inputs.narrow(0, first, count).to(device));
    // The losses come first: a loss refuses targets that metrics rely on.
    for (size_t i = 0; i < means.size(); ++i) {
      means[i].Add(loss.terms[i].loss, predictions, batch_targets);
    }
    const bool scaled = options.original && !tallies.empty();
    const at::Tensor given = scaled ? options.original(predictions) : predictions;
    const at::Tensor truth = scaled ? options.original(batch_targets) : batch_targets;
    for (const std::unique_ptr<Tally>& tally : tallies) tally->Add(given, truth);
  }
  EvaluationResult result{.loss = 0, .metrics = {}, .examples = examples};
  for (size_t i = 0; i < means.size(); ++i) {
    const LossTerm& term = loss.terms[i];
    const double weight = !term.weight              ? 1
                          : options.weights.empty() ? term.weight->at(0)
                                                    : options.weights[i];
    result.loss += weight * means[i].value();
  }
  for (const std::unique_ptr<Tally>& tally : tallies) {
    result.metrics.push_back(tally->Result(means[0].value()));
  }
  return result;
} catch (const std::exception& error) {
  return absl::InvalidArgumentError(
      absl::StrCat("the model can't be evaluated on these data: ", ExceptionText(error)));
}

}  // namespace descent
