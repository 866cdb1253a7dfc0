#include "core/objective/planned_gradient.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "ATen/core/Tensor.h"
#include "core/data/batch.h"
#include "core/model/flat_parameters.h"
#include "core/objective/loss.h"
#include "core/plan/plan.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// Shapes that are remembered; the oldest goes first. An epoch has two.
constexpr size_t kMaxPlans = 8;

std::unique_ptr<Plan> MakePlan(PlannedGradient::Structure model, const Loss& loss,
                               const Batch& batch, const FlatParameters& x, at::Tensor* arena) {
  if (!loss.plan || x.tensors().empty()) return nullptr;
  const at::Tensor& first = x.tensors().front();
  PlanBuilder plan(first.scalar_type(), first.device(), x.tensors());
  const PlanTensor inputs = plan.Input(batch.inputs.sizes().vec(), batch.inputs.scalar_type());
  const PlanTensor targets = plan.Input(batch.targets.sizes().vec(), batch.targets.scalar_type());
  const PlanTensor predictions = model(plan, inputs);
  if (!predictions) return nullptr;
  const PlanTensor value = plan.Scratch({});
  if (!loss.plan(plan, predictions, targets, value)) return nullptr;
  return std::make_unique<Plan>(std::move(plan), value, x.buffers(), arena);
}

}  // namespace

bool PlannedGradient::Made::Fits(const Batch& batch) const {
  return batch.inputs.sizes().equals(inputs) && batch.targets.sizes().equals(targets) &&
         batch.inputs.scalar_type() == inputs_dtype &&
         batch.targets.scalar_type() == targets_dtype && batch.inputs.device() == device &&
         batch.targets.device() == device;
}

PlannedGradient::Made& PlannedGradient::For(Structure model, const Loss& loss, const Batch& batch,
                                            const FlatParameters& x) {
  for (Made& made : made_) {
    if (made.Fits(batch)) return made;
  }
  if (made_.size() == kMaxPlans) made_.erase(made_.begin());
  made_.push_back({batch.inputs.sizes().vec(), batch.targets.sizes().vec(),
                   batch.inputs.scalar_type(), batch.targets.scalar_type(), batch.inputs.device(),
                   MakePlan(model, loss, batch, x, &arena_)});
  return made_.back();
}

std::optional<double> PlannedGradient::operator()(Structure model, const Loss& loss,
                                                  const Batch& batch, const FlatParameters& x,
                                                  const FlatParameters& g) {
  if (!batch.inputs.defined() || !batch.targets.defined() || batch.inputs.dim() == 0 ||
      batch.inputs.size(0) == 0 || batch.inputs.requires_grad()) {
    return std::nullopt;
  }
  if (!x.SameLayout(layout_)) {
    made_.clear();
    layout_ = x.layout();
  }
  Plan* plan = For(model, loss, batch, x).plan.get();
  if (plan == nullptr) return std::nullopt;
  if (batch.inputs.is_contiguous() && batch.targets.is_contiguous()) {
    return plan->Run(x.buffers(), g.buffers(), {batch.inputs, batch.targets});
  }
  const at::Tensor inputs = batch.inputs.contiguous(), targets = batch.targets.contiguous();
  return plan->Run(x.buffers(), g.buffers(), {inputs, targets});
}

}  // namespace descent
