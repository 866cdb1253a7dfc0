#include "core/objective/planned_gradient.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ATen/OpMathType.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/from_blob.h"
#include "c10/core/ScalarType.h"
#include "core/data/batch.h"
#include "core/model/flat_parameters.h"
#include "core/objective/loss_plan.h"
#include "core/objective/loss_sum.h"
#include "core/plan/kernel.h"
#include "core/plan/plan.h"
#include "core/plan/plan_builder.h"
#include "core/plan/steps.h"

namespace descent {
namespace {

// True if there are weights, and values to tell of.
bool IsSum(const LossSum& loss) { return loss.terms.size() > 1 || loss.terms[0].weight; }

// So many shapes are remembered; the oldest goes first. An epoch has two.
constexpr size_t kMaxPlans = 8;

// States Σ weight·value in one step; `values` [terms] become the terms' own.
PlanTensor Sum(PlanBuilder& plan, const PlanTensor& weights, const std::vector<PlanTensor>& terms,
               const PlanTensor& values) {
  const PlanTensor value = plan.Scratch({});
  std::vector<PlanTensor> reads = terms;
  reads.push_back(weights);
  plan.Forward({.reads = reads, .writes = {value, values}, .run = [=] {
                  const bool done = OnCpu(*value, [&]<class T>(T*) {
                    const double* w = weights->const_data_ptr<double>();
                    double sum = 0;
                    for (size_t i = 0; i < terms.size(); ++i) {
                      const T term = *terms[i]->const_data_ptr<T>();
                      values->mutable_data_ptr<T>()[i] = term;
                      sum += w[i] * static_cast<double>(term);
                    }
                    *value->mutable_data_ptr<T>() = static_cast<T>(sum);
                  });
                  if (done) return;
                  for (size_t i = 0; i < terms.size(); ++i) {
                    values->select(0, static_cast<int64_t>(i)).copy_(*terms[i]);
                  }
                  value->copy_((*values * *weights).sum());
                }});
  return value;
}

std::unique_ptr<Plan> MakePlan(PlannedGradient::Structure model, const LossSum& loss,
                               const Batch& batch, const FlatParameters& x,
                               const FlatParameters& states, at::Tensor* arena) {
  const bool have_plans = std::all_of(loss.terms.begin(), loss.terms.end(), [](const LossTerm& t) {
    return static_cast<bool>(t.loss.plan);
  });
  if (!have_plans || x.tensors().empty()) return nullptr;
  const at::Tensor& first = x.tensors().front();
  PlanBuilder plan(first.scalar_type(), first.device(), x.tensors(), states.tensors());
  PlanTensor inputs = plan.Input(batch.inputs.sizes().vec(), batch.inputs.scalar_type());
  PlanTensor targets = plan.Input(batch.targets.sizes().vec(), batch.targets.scalar_type());
  // If the model computes in fewer digits than a loss needs, it gets its inputs rounded, and the
  // loss gets its predictions in float32.
  const at::ScalarType exact = at::toOpMathType(plan.dtype());
  const bool rounded = exact != plan.dtype();
  if (rounded && c10::isFloatingType(inputs.dtype())) inputs = PlanCast(plan, inputs);
  PlanTensor predictions = model(plan, inputs);
  if (!predictions) return nullptr;
  if (rounded) {
    plan.ComputeIn(exact);
    predictions = PlanCast(plan, predictions);
    if (c10::isFloatingType(targets.dtype())) targets = PlanCast(plan, targets);
  }
  const bool sum = IsSum(loss);
  const auto count = static_cast<int64_t>(loss.terms.size());
  const PlanTensor weights = sum ? plan.Input({count}, at::kDouble) : PlanTensor();
  std::vector<PlanTensor> terms;
  for (int64_t i = 0; i < count; ++i) {
    terms.push_back(plan.Scratch({}));
    const LossPlan term{predictions, targets, terms.back(), {weights, i}};
    if (!loss.terms[static_cast<size_t>(i)].loss.plan(plan, term)) return nullptr;
  }
  const PlanTensor values = sum ? plan.Scratch({count}) : PlanTensor();
  const PlanTensor value = sum ? Sum(plan, weights, terms, values) : terms[0];
  return std::make_unique<Plan>(std::move(plan), value, x.buffers(), arena, states.buffers(),
                                values);
}

}  // namespace

bool PlannedGradient::Made::Fits(const Batch& batch) const {
  return batch.inputs.sizes().equals(inputs) && batch.targets.sizes().equals(targets) &&
         batch.inputs.scalar_type() == inputs_dtype &&
         batch.targets.scalar_type() == targets_dtype && batch.inputs.device() == device &&
         batch.targets.device() == device;
}

PlannedGradient::Made& PlannedGradient::For(Structure model, const LossSum& loss,
                                            const Batch& batch, const FlatParameters& x,
                                            const FlatParameters& states) {
  for (Made& made : made_) {
    if (made.Fits(batch)) return made;
  }
  if (made_.size() == kMaxPlans) made_.erase(made_.begin());
  made_.push_back({batch.inputs.sizes().vec(), batch.targets.sizes().vec(),
                   batch.inputs.scalar_type(), batch.targets.scalar_type(), batch.inputs.device(),
                   MakePlan(model, loss, batch, x, states, &arena_)});
  return made_.back();
}

const at::Tensor& PlannedGradient::OnDevice(std::span<const double> weights, at::Device device) {
  const auto count = static_cast<int64_t>(weights.size());
  if (!weights_.defined() || weights_.device() != device || weights_.numel() != count) {
    weights_ = at::empty({count}, at::TensorOptions().dtype(at::kDouble).device(device));
  }
  if (device.is_cpu()) {
    std::copy(weights.begin(), weights.end(), weights_.mutable_data_ptr<double>());
  } else {
    weights_.copy_(at::from_blob(const_cast<double*>(weights.data()), {count}, at::kDouble));
  }
  return weights_;
}

std::optional<double> PlannedGradient::operator()(
    Structure model, const LossSum& loss, const Batch& batch, int64_t iteration,
    std::span<const double> weights, const FlatParameters& x, const FlatParameters& states,
    const FlatParameters& g, std::span<double> values) {
  if (!batch.inputs.defined() || !batch.targets.defined() || batch.inputs.dim() == 0 ||
      batch.inputs.size(0) == 0 || batch.inputs.requires_grad()) {
    return std::nullopt;
  }
  if (!x.SameLayout(layout_)) {
    made_.clear();
    layout_ = x.layout();
  }
  Plan* plan = For(model, loss, batch, x, states).plan.get();
  if (plan == nullptr) return std::nullopt;
  const at::Tensor* inputs = &batch.inputs;
  const at::Tensor* targets = &batch.targets;
  at::Tensor contiguous_inputs, contiguous_targets;
  if (!inputs->is_contiguous()) inputs = &(contiguous_inputs = batch.inputs.contiguous());
  if (!targets->is_contiguous()) targets = &(contiguous_targets = batch.targets.contiguous());
  if (!IsSum(loss)) {
    const double value =
        plan->Run(x.buffers(), g.buffers(), {*inputs, *targets}, iteration, states.buffers());
    values[0] = value;
    return value;
  }
  const double value = plan->Run(
      x.buffers(), g.buffers(),
      {*inputs, *targets, OnDevice(weights.first(loss.terms.size()), batch.inputs.device())},
      iteration, states.buffers());
  plan->ReadReport(values);
  return value;
}

}  // namespace descent
