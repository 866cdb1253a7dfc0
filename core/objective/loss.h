// Losses: one number from predictions and targets, the mean over a batch.
#ifndef DESCENT_CORE_OBJECTIVE_LOSS_H_
#define DESCENT_CORE_OBJECTIVE_LOSS_H_

#include <functional>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "core/model/layer.h"
#include "core/plan/plan_builder.h"

namespace descent {

// A value; any thread (if the function is).
struct Loss {
  std::string name;  // `cross_entropy`
  // Differentiable; a tensor with one number.
  std::function<at::Tensor(const at::Tensor& predictions, const at::Tensor& targets)> function;
  // Targets are class indices and the greatest score is the predicted class: has an accuracy.
  bool classifies = false;
  // Of shapes of one example; empty: anything goes.
  std::function<absl::Status(const Shape& output, const Shape& target)> check = {};
  // States value and derivative as steps of a static plan (loss_plan.h); false if it has none for
  // these shapes. Empty: autograd.
  std::function<bool(PlanBuilder& plan, const PlanTensor& predictions, const PlanTensor& targets,
                     const PlanTensor& value)>
      plan = {};

  at::Tensor operator()(const at::Tensor& predictions, const at::Tensor& targets) const {
    return function(predictions, targets);
  }

  // INVALID_ARGUMENT naming both shapes if a model's output of `output` and targets of `target`
  // (both of one example; class indices have the shape []) don't go together.
  absl::Status CheckShapes(const Shape& output, const Shape& target) const;
};

// Softmax cross-entropy; predictions [batch, classes], targets [batch] of int64 in [0, classes).
Loss cross_entropy();

// mean((prediction − target)²) over batch and outputs; both of the same shape and dtype.
Loss mean_squared_error();

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_LOSS_H_
