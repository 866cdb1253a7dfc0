#include "core/objective/kl_divergence.h"

#include <cmath>
#include <string>

#include "ATen/TensorOperators.h"
#include "ATen/core/Reduction.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/kl_div.h"
#include "ATen/ops/neg.h"
#include "core/model/layer.h"
#include "core/objective/elementwise_loss.h"
#include "core/objective/loss.h"
#include "core/objective/loss_plan.h"
#include "core/plan/plan_builder.h"
#include "core/sequence/range.h"

namespace descent {
namespace {

at::Tensor Value(const at::Tensor& predictions, const at::Tensor& targets) {
  return at::kl_div(predictions, targets, at::Reduction::Sum) /
         static_cast<double>(predictions.size(0));
}

}  // namespace

Loss KlDivergence::Make() const {
  const auto kernel = []<class T>(T p, T t, T* derivative) {
    *derivative = -t;
    // 0·log 0 counts as 0.
    return static_cast<double>((t == 0 ? 0 : t * std::log(t)) - t * p);
  };
  const auto operators = [](const at::Tensor& p, const at::Tensor& t, at::Tensor derivative,
                            at::Tensor value) {
    value.copy_(Value(p, t));
    at::neg_out(derivative, t);
    derivative.div_(static_cast<double>(p.size(0)));
  };
  return {.name = std::string(kind),
          .function =
              [](const at::Tensor& predictions, const at::Tensor& targets) {
                ThrowUnlessEqualShapes(kind, predictions, targets);
                return Value(predictions, targets);
              },
          .predicts = Predicts::kProbabilities,
          .target_range = UpToOne("target"),
          .check = [](const Shape& output,
                      const Shape& target) { return CheckEqualShapes(kind, output, target); },
          .plan =
              [=](PlanBuilder& plan, const LossPlan& loss) {
                return PlanElementwise(plan, loss, loss.predictions.size(0), kernel, operators);
              },
          .probabilities = [](const at::Tensor& predictions) { return predictions.exp(); }};
}

}  // namespace descent
