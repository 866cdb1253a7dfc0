#include "core/model/affine.h"

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/plan/matrix.h"
#include "core/plan/plan_builder.h"
#include "core/plan/steps.h"

namespace descent {

using enum matrix::Form;

PlanTensor PlanAffine(PlanBuilder& plan, const PlanTensor& x, const at::Tensor& weight,
                      const at::Tensor& bias) {
  const PlanTensor w = plan.Parameter(weight);
  const PlanTensor b = bias.defined() ? plan.Parameter(bias) : PlanTensor();
  std::vector<int64_t> sizes = x.sizes();
  sizes.back() = w.size(0);
  const PlanTensor y = plan.Output(sizes, {x, w});
  const PlanTensor xs = AsRows(plan, x), ys = AsRows(plan, y);
  plan.Forward({.reads = {xs, w, b}, .writes = {ys}, .run = [=] {
                  if (b) matrix::FillRows(*b, *ys);
                  matrix::Multiply(kPlain, *xs, kTransposed, *w, b ? 1 : 0, *ys);
                }});
  const PlanTensor dy = plan.Gradient(ys), dx = plan.Contribution(xs);
  const PlanTensor dw = plan.Contribution(w), db = plan.Contribution(b);
  plan.Backward({.reads = {dy, xs, w}, .writes = {dx, dw, db}, .run = [=] {
                   matrix::Multiply(kTransposed, *dy, kPlain, *xs, 0, *dw);
                   if (db) matrix::SumRows(*dy, *db);
                   if (dx) matrix::Multiply(kPlain, *dy, kPlain, *w, 0, *dx);
                 }});
  return y;
}

}  // namespace descent
