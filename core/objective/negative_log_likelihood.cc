#include "core/objective/negative_log_likelihood.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Reduction.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/nll_loss.h"
#include "core/model/layer.h"
#include "core/objective/class_loss.h"
#include "core/objective/elementwise_loss.h"
#include "core/objective/loss.h"
#include "core/objective/loss_plan.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// Logarithms and derivative are [rows, classes]; gives the value.
template <class T>
double OfClasses(const std::vector<double>& weights, const T* logs, const int64_t* targets,
                 int64_t rows, int64_t classes, double weight, T* derivative) {
  std::fill_n(derivative, rows * classes, T{0});
  double value = 0, divisor = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t y = targets[r];
    if (y == kIgnoredTarget) continue;
    if (y < 0 || y >= classes) ThrowNoSuchClass(NegativeLogLikelihood::kind, y, classes);
    const double w = weights.empty() ? 1 : weights[y];
    divisor += w;
    value -= w * static_cast<double>(logs[r * classes + y]);
  }
  for (int64_t r = 0; r < rows && divisor != 0; ++r) {
    const int64_t y = targets[r];
    if (y == kIgnoredTarget) continue;
    derivative[r * classes + y] =
        static_cast<T>(-weight * (weights.empty() ? 1 : weights[y]) / divisor);
  }
  return divisor == 0 ? 0 : value / divisor;
}

// Computes the same by LibTorch's operators.
void ByOperators(const at::Tensor& w, const at::Tensor& logs, const at::Tensor& targets,
                 const at::Tensor& derivative, const at::Tensor& value) {
  const at::Tensor classes = targets.clamp_min(0);
  at::Tensor counts = targets.ne(kIgnoredTarget).to(logs.scalar_type());
  if (w.defined()) counts = counts * w.take(classes);
  at::Tensor divisor = counts.sum();
  divisor.add_(divisor.eq(0));
  const at::Tensor share = (counts / divisor).unsqueeze(1), places = classes.unsqueeze(1);
  value.copy_(0 - (share * logs.gather(1, places)).sum());
  derivative.zero_().scatter_(1, places, -share);
}

bool Plan(const std::vector<double>& weights, PlanBuilder& plan, const LossPlan& loss) {
  if (!HasClassShapes(loss, weights.size()) || loss.predictions.dtype() != plan.dtype()) {
    return false;
  }
  const PlanTensor derivative = plan.Contribution(loss.predictions);
  if (!derivative) return false;
  const int64_t classes = loss.predictions.sizes().back();
  const int64_t rows = CountOf(loss.predictions) / classes;
  const at::Tensor weight_tensor =
      WeightTensor(weights, at::TensorOptions().dtype(plan.dtype()).device(plan.device()));
  plan.Forward(
      {.reads = {loss.predictions, loss.targets, loss.weight.weights},
       .writes = {derivative, loss.value},
       .run = [=] {
         const bool done = OnCpu(*loss.predictions, [&]<class T>(T*) {
           *loss.value->mutable_data_ptr<T>() =
               static_cast<T>(OfClasses(weights, loss.predictions->const_data_ptr<T>(),
                                        loss.targets->const_data_ptr<int64_t>(), rows, classes,
                                        loss.weight(), derivative->mutable_data_ptr<T>()));
         });
         if (done) return;
         ByOperators(weight_tensor, loss.predictions->view({rows, classes}),
                     loss.targets->view({rows}), derivative->view({rows, classes}), *loss.value);
         loss.weight.Scale(*derivative);
       }});
  return true;
}

}  // namespace

Loss NegativeLogLikelihood::Make() const {
  const std::vector<double> weights = class_weights;
  return {
      .name = std::string(kind),
      .function =
          [weights](const at::Tensor& predictions, const at::Tensor& targets) {
            ThrowUnlessClassShapes(kind, predictions, targets);
            return MeanOfClasses(
                FlatTargets(targets), WeightTensor(weights, predictions.options()),
                [rows = RowsOf(predictions)](const at::Tensor& t, const at::Tensor& w) {
                  return at::nll_loss(rows, t, w, at::Reduction::Mean, kIgnoredTarget);
                });
          },
      .predicts = Predicts::kClass,
      .likelihood = weights.empty(),
      .check =
          [weights](const Shape& output, const Shape& target) {
            return CheckClassShapes(kind, output, target, weights.size());
          },
      .weight = [weights](const at::Tensor& targets) { return WeightOfTargets(targets, weights); },
      .plan = [weights](PlanBuilder& plan,
                        const LossPlan& loss) { return Plan(weights, plan, loss); },
      .probabilities = [](const at::Tensor& predictions) { return predictions.exp(); }};
}

}  // namespace descent
