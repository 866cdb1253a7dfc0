// `PlannedGradient` computes value and gradient of a supervised objective by static plans
// (core/plan), one for each batch shape: an epoch's last batch may be smaller than the others.
//
// A plan is made at the first use, which allocates; later runs don't. It belongs to a structure and
// not to a model: copies, moved models, and models with other numbers are all the same to it.
// Copies start without plans. Not thread-safe.
#ifndef DESCENT_CORE_OBJECTIVE_PLANNED_GRADIENT_H_
#define DESCENT_CORE_OBJECTIVE_PLANNED_GRADIENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/functional/function_ref.h"
#include "core/data/batch.h"
#include "core/model/flat_parameters.h"
#include "core/objective/loss_sum.h"
#include "core/plan/plan.h"
#include "core/plan/plan_builder.h"

namespace descent {

class PlannedGradient {
 public:
  // States a model's forward pass.
  using Structure = absl::FunctionRef<PlanTensor(PlanBuilder& plan, const PlanTensor& inputs)>;

  PlannedGradient() = default;
  PlannedGradient(const PlannedGradient&) {}
  PlannedGradient(PlannedGradient&&) noexcept = default;
  PlannedGradient& operator=(const PlannedGradient&) { return *this = PlannedGradient(); }
  PlannedGradient& operator=(PlannedGradient&&) noexcept = default;

  // Gives the value of the loss's terms at x on the batch of the iteration, and writes the gradient
  // into g; the model's states become those of the iteration. Each term counts with its weight;
  // `values`, for a loss that is not plain, become the terms' values without it. Gives nothing if
  // the model or a loss has no plan for such a batch: then it is autograd's turn. Throws what a
  // step throws.
  std::optional<double> operator()(Structure model, const LossSum& loss, const Batch& batch,
                                   int64_t iteration, std::span<const double> weights,
                                   const FlatParameters& x, const FlatParameters& states,
                                   const FlatParameters& g, std::span<double> values);

 private:
  // A plan, and what it was made for.
  struct Made {
    std::vector<int64_t> inputs, targets;
    at::ScalarType inputs_dtype, targets_dtype;
    at::Device device;
    std::unique_ptr<Plan> plan;  // null: there is no plan for it

    bool Fits(const Batch& batch) const;
  };

  Made& For(Structure model, const LossSum& loss, const Batch& batch, const FlatParameters& x,
            const FlatParameters& states);
  // Gives `weights` as a tensor beside the model's.
  const at::Tensor& OnDevice(std::span<const double> weights, at::Device device);

  std::vector<Made> made_;
  FlatParameters::LayoutId layout_;  // of the models that the plans were made for
  at::Tensor arena_;                 // shared by all plans
  at::Tensor weights_;               // of the terms, in double
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_PLANNED_GRADIENT_H_
