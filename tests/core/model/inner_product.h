// ⟨output, targets⟩ as a loss, by autograd and by a plan: the derivatives by the output are the
// targets, so that a model's gradient is its vector–Jacobian product with whatever they are.
#ifndef DESCENT_TESTS_CORE_MODEL_INNER_PRODUCT_H_
#define DESCENT_TESTS_CORE_MODEL_INNER_PRODUCT_H_

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/sum.h"
#include "core/objective/loss.h"
#include "core/objective/loss_plan.h"
#include "core/plan/plan_builder.h"

namespace descent {

inline Loss InnerProduct() {
  return {.name = "inner_product",
          .function = [](const at::Tensor& y, const at::Tensor& v) { return (y * v).sum(); },
          .plan =
              [](PlanBuilder& plan, const LossPlan& loss) {
                const PlanTensor y = loss.predictions, v = loss.targets, value = loss.value;
                const PlanTensor dy = plan.Contribution(y);
                plan.Forward({.reads = {y, v}, .writes = {dy, value}, .run = [=] {
                                value->copy_((*y * *v).sum());
                                if (dy) dy->copy_(*v);
                              }});
                return true;
              }};
}

}  // namespace descent

#endif  // DESCENT_TESTS_CORE_MODEL_INNER_PRODUCT_H_
