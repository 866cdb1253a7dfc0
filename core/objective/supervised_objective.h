// The objective of supervised learning: a loss of a model's predictions on a batch.
//
// Which batch is a function of the iteration (`BatchProvider`), so a run that goes on from a
// checkpoint sees the same ones. A value: copies share the provider, each has its own iteration.
// Not thread-safe; independent copies are if the provider is.
#ifndef DESCENT_CORE_OBJECTIVE_SUPERVISED_OBJECTIVE_H_
#define DESCENT_CORE_OBJECTIVE_SUPERVISED_OBJECTIVE_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "ATen/core/Tensor.h"
#include "core/data/batch.h"
#include "core/model/model.h"
#include "core/objective/gradient.h"
#include "core/objective/loss.h"
#include "core/objective/planned_gradient.h"
#include "core/plan/plan_builder.h"

namespace descent {

// The batch of iteration k ≥ 0: the same numbers whenever it is asked for the same k. It can't
// fail: data are checked when they are read.
using BatchProvider = std::function<Batch(int64_t iteration)>;

class SupervisedObjective {
 public:
  SupervisedObjective(Loss loss, BatchProvider batches)
      : loss_(std::move(loss)), batches_(std::move(batches)) {}

  // From now on the objective of iteration k. Before the first call: of iteration 0.
  void seek(int64_t iteration) {
    if (iteration == iteration_ && batch_.inputs.defined()) return;
    iteration_ = iteration;
    batch_ = batches_(iteration);
  }

  // The mean loss on the batch. `Model`: anything callable with the inputs.
  template <class Model>
  at::Tensor operator()(const Model& model) {
    seek(iteration_);
    return loss_(model(batch_.inputs), batch_.targets);
  }

  // The gradient at a model, and the value there: by a static plan where model and loss have one
  // (core/plan), else by autograd. The two agree up to rounding.
  template <class S>
  double gradient_into(const ModelOf<S>& x, ModelOf<S>& g) {
    if constexpr (requires(PlanBuilder& plan, PlanTensor inputs) { x->Plan(plan, inputs); }) {
      seek(iteration_);
      const auto structure = [&](PlanBuilder& plan, const PlanTensor& inputs) {
        return x->Plan(plan, inputs);
      };
      const auto value = plans_(structure, loss_, batch_, x.flat(), g.flat());
      if (value) return *value;
    }
    return autograd_into(*this, x, g);
  }

  const Loss& loss() const { return loss_; }
  int64_t iteration() const { return iteration_; }
  // Of the iteration; undefined tensors before the first evaluation.
  const Batch& batch() const { return batch_; }

 private:
  Loss loss_;
  BatchProvider batches_;
  int64_t iteration_ = 0;
  Batch batch_;
  PlannedGradient plans_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_SUPERVISED_OBJECTIVE_H_
