// What losses have in common that are a mean of a function of each prediction and its target.
#ifndef DESCENT_CORE_OBJECTIVE_ELEMENTWISE_LOSS_H_
#define DESCENT_CORE_OBJECTIVE_ELEMENTWISE_LOSS_H_

#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "core/model/layer.h"
#include "core/objective/loss.h"
#include "core/objective/loss_plan.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {

// Gives INVALID_ARGUMENT naming both shapes unless they are the same.
absl::Status CheckEqualShapes(std::string_view loss, const Shape& output, const Shape& target);

// Throws std::invalid_argument unless the shapes are the same: broadcasting [n, 1] against [n]
// would silently give n² differences.
void ThrowUnlessEqualShapes(std::string_view loss, const at::Tensor& predictions,
                            const at::Tensor& targets);

// Gives the number of elements.
inline int64_t CountOf(const PlanTensor& x) {
  return std::accumulate(x.sizes().begin(), x.sizes().end(), int64_t{1}, std::multiplies<>());
}

// States Σ f(p, t)/divisor and its derivative. `kernel(p, t, &derivative)` gives f of one element,
// in double, and its derivative by p; it is copied and must not refer to anything. `operators(p, t,
// derivative, value)` writes the same by LibTorch's operators (the derivative of the whole,
// divided), where there are no loops of our own. Gives false for other shapes and dtypes.
template <class Kernel, class Operators>
bool PlanElementwise(PlanBuilder& plan, const LossPlan& loss, int64_t divisor, Kernel kernel,
                     Operators operators) {
  if (loss.predictions.sizes() != loss.targets.sizes() ||
      loss.targets.dtype() != loss.predictions.dtype()) {
    return false;
  }
  const PlanTensor derivative = plan.Contribution(loss.predictions);
  if (!derivative) return false;
  plan.Forward({.reads = {loss.predictions, loss.targets, loss.weight.weights},
                .writes = {derivative, loss.value},
                .run = [=] {
                  const bool done = OnCpu(*loss.predictions, [&]<class T>(T*) {
                    const T* p = loss.predictions->const_data_ptr<T>();
                    const T* t = loss.targets->const_data_ptr<T>();
                    T* d = derivative->mutable_data_ptr<T>();
                    const int64_t count = loss.predictions->numel();
                    const T factor = static_cast<T>(loss.weight() / static_cast<double>(divisor));
                    double sum = 0;
                    for (int64_t i = 0; i < count; ++i) {
                      T slope;
                      sum += kernel(p[i], t[i], &slope);
                      d[i] = factor * slope;
                    }
                    *loss.value->mutable_data_ptr<T>() =
                        static_cast<T>(sum / static_cast<double>(divisor));
                  });
                  if (done) return;
                  operators(*loss.predictions, *loss.targets, *derivative, *loss.value);
                  loss.weight.Scale(*derivative);
                }});
  return true;
}

// Makes a loss that is the mean of a function of each prediction and its target, both of the same
// shape. `function(predictions, targets)` gives that mean by LibTorch's operators, differentiable;
// `kernel` and `operators` are those of PlanElementwise, with the number of elements as the
// divisor.
template <class Function, class Kernel, class Operators>
Loss ElementwiseLoss(std::string_view kind, Function function, Kernel kernel, Operators operators) {
  return {.name = std::string(kind),
          .function =
              [=](const at::Tensor& predictions, const at::Tensor& targets) {
                ThrowUnlessEqualShapes(kind, predictions, targets);
                return function(predictions, targets);
              },
          .check = [kind](const Shape& output,
                          const Shape& target) { return CheckEqualShapes(kind, output, target); },
          .plan =
              [=](PlanBuilder& plan, const LossPlan& loss) {
                return PlanElementwise(plan, loss, CountOf(loss.predictions), kernel, operators);
              }};
}

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_ELEMENTWISE_LOSS_H_
