// `SupervisedObjective` is the objective of supervised learning: a loss of a model's predictions on
// a batch, or a weighted sum of losses, and penalties on the model's parameters.
//
// Which batch it is, is a function of the iteration (`BatchProvider`), so a run that goes on from a
// checkpoint sees the same ones. It is a value: copies share the provider, each has its own
// iteration. Not thread-safe; independent copies are if the provider is.
#ifndef DESCENT_CORE_OBJECTIVE_SUPERVISED_OBJECTIVE_H_
#define DESCENT_CORE_OBJECTIVE_SUPERVISED_OBJECTIVE_H_

#include <any>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ATen/OpMathType.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "c10/core/ScalarType.h"
#include "core/data/batch.h"
#include "core/model/flat_parameters.h"
#include "core/model/model.h"
#include "core/model/pass.h"
#include "core/objective/gradient.h"
#include "core/objective/loss_sum.h"
#include "core/objective/penalty.h"
#include "core/objective/planned_gradient.h"
#include "core/plan/plan_builder.h"
#include "core/space/flat_space.h"

namespace descent {

// Gives the batch of iteration k ≥ 0: the same numbers whenever it is asked for the same k. It
// can't fail: data are checked when they are read.
using BatchProvider = std::function<Batch(int64_t iteration)>;

class SupervisedObjective {
 public:
  // Whoever does not run it by an optimizer, which checks its dials, calls loss.Validate() first.
  // `gradient_into` computes in compute_dtype: if that is another one than the model's, the batch
  // and a copy of the parameters are rounded to it (mixed precision with the model as master
  // weights: Micikevicius et al. 2018, section 3.1; bfloat16 needs no scaling of the loss).
  SupervisedObjective(LossSum loss, BatchProvider batches,
                      std::optional<at::ScalarType> compute_dtype = {})
      : loss_(std::move(loss)),
        batches_(std::move(batches)),
        compute_dtype_(compute_dtype),
        dials_(loss_.weights()),
        names_(loss_.plain() ? std::vector<std::string>() : loss_.part_names()),
        weights_(loss_.parts(), 1),
        values_(loss_.parts(), 0) {
    WeighAt(0);
  }

  // From now on it is the objective of iteration k, with the weights that their sequences have
  // there. Before the first call it is that of iteration 0.
  void seek(int64_t iteration) {
    if (iteration == iteration_ && batch_.inputs.defined()) return;
    if (iteration != iteration_) WeighAt(iteration);
    iteration_ = iteration;
    batch_ = batches_(iteration);
  }

  // The weights that change from iteration to iteration, and can be turned.
  const std::vector<LossWeight>& dials() const { return dials_; }
  // Sets other numbers for them, in that order, until the next seek.
  void weigh(std::span<const double> weights) {
    for (size_t i = 0; i < dials_.size(); ++i) weights_[dials_[i].part] = weights[i];
  }

  // Gives the mean loss on the batch, in training. `Model` is anything callable with the inputs,
  // and with a Pass if it cares; its parameters have names where there are penalties.
  template <class Model>
  at::Tensor operator()(const Model& model) {
    seek(iteration_);
    at::Tensor value = loss_.Value(Predict(model, batch_.inputs), batch_.targets, weights_);
    if constexpr (requires { model.parameters(); }) {
      for (size_t i = 0; i < loss_.penalties.size(); ++i) {
        value = value + weights_[loss_.terms.size() + i] *
                            PenaltyValue(loss_.penalties[i], model.parameters());
      }
    }
    return value;
  }

  // Writes the gradient at a model, and gives the value there: by a static plan where model and
  // loss have one (core/plan), else by autograd; penalties in one pass over the flat buffer. The
  // two agree up to rounding.
  template <class S>
  double gradient_into(const ModelOf<S>& x, ModelOf<S>& g) {
    seek(iteration_);
    const bool rounded = compute_dtype_ && *compute_dtype_ != x.flat().tensors()[0].scalar_type();
    double value = rounded ? RoundedLossInto(x, g) : LossInto(x, g);
    if (loss_.penalties.empty()) return value;
    const size_t terms = loss_.terms.size();
    const std::span<const double> weights = std::span(weights_).subspan(terms);
    const std::span<double> values = std::span(values_).subspan(terms);
    penalties_.AddTo(loss_.penalties, weights, x.flat(), g.flat(), values);
    for (size_t i = 0; i < values.size(); ++i) value += weights[i] * values[i];
    return value;
  }

  const LossSum& loss() const { return loss_; }
  int64_t iteration() const { return iteration_; }
  // The batch of the iteration; its tensors are undefined before the first evaluation.
  const Batch& batch() const { return batch_; }
  // The weights of terms and penalties, and the values of these without their weights in the last
  // gradient (not kept for a plain loss).
  std::span<const double> weights() const { return weights_; }
  std::span<const double> values() const { return values_; }
  // Calls report(name, value) for each part of a loss that is not plain.
  template <class Reporter>
  void Report(const Reporter& report) const {
    for (size_t i = 0; i < names_.size(); ++i) report(names_[i], values_[i]);
  }

 private:
  template <class Model>
  at::Tensor Predict(const Model& model, const at::Tensor& inputs) const {
    const Pass pass{.training = true, .iteration = iteration_};
    if constexpr (std::invocable<const Model&, const at::Tensor&, const Pass&>) {
      return model(inputs, pass);
    } else {
      return model(inputs);
    }
  }

  void WeighAt(int64_t iteration) {
    for (const LossWeight& dial : dials_) weights_[dial.part] = dial.sequence.at(iteration);
  }

  template <class S>
  double LossInto(const ModelOf<S>& x, ModelOf<S>& g) {
    const std::span<double> values = std::span(values_).first(loss_.terms.size());
    if constexpr (requires(PlanBuilder& plan, PlanTensor inputs) { x->Plan(plan, inputs); }) {
      const auto structure = [&](PlanBuilder& plan, const PlanTensor& inputs) {
        return x->Plan(plan, inputs);
      };
      const auto value = plans_(structure, loss_, batch_, iteration_, weights_, x.flat(),
                                x.flat_states(), g.flat(), values);
      if (value) return *value;
    }
    // This is as in the plan: a loss needs more digits than bfloat16 has.
    const at::ScalarType dtype = x.flat().tensors()[0].scalar_type();
    const at::ScalarType exact = at::toOpMathType(dtype);
    const auto in = [&](at::ScalarType wanted, const at::Tensor& tensor) {
      return exact != dtype && tensor.is_floating_point() ? tensor.to(wanted) : tensor;
    };
    const at::Tensor inputs = in(dtype, batch_.inputs), targets = in(exact, batch_.targets);
    const auto recorded = [&](const ModelOf<S>& model) {
      return loss_.Value(in(exact, Predict(model, inputs)), targets, weights_,
                         loss_.plain() ? std::span<double>() : values);
    };
    return autograd_into(recorded, x, g);
  }

  // Evaluates at a rounded copy of x; the gradient is as exact as that.
  template <class S>
  double RoundedLossInto(const ModelOf<S>& x, ModelOf<S>& g) {
    using Copies = std::pair<ModelOf<S>, ModelOf<S>>;  // of x and of g
    auto* copies = std::any_cast<Copies>(&rounded_);
    if (copies == nullptr || rounded_from_ != x.flat().layout()) {
      rounded_from_ = x.flat().layout();
      copies = &rounded_.template emplace<Copies>(x.To(*compute_dtype_), g.To(*compute_dtype_));
    }
    auto& [point, slope] = *copies;
    CopyBuffers(x.flat().buffers(), point.flat().buffers());
    CopyBuffers(x.flat_states().buffers(), point.flat_states().buffers());
    const double value = LossInto(point, slope);
    CopyBuffers(point.flat_states().buffers(), x.flat_states().buffers());
    CopyBuffers(slope.flat().buffers(), g.flat().buffers());
    return value;
  }

  static void CopyBuffers(Buffers from, Buffers to) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    for (size_t i = 0; i < from.size(); ++i) to[i].copy_(from[i]);
  }

  LossSum loss_;
  BatchProvider batches_;
  std::optional<at::ScalarType> compute_dtype_;
  std::vector<LossWeight> dials_;
  std::vector<std::string> names_;  // of the parts that there is something to tell of
  std::vector<double> weights_, values_;
  int64_t iteration_ = 0;
  Batch batch_;
  PlannedGradient plans_;
  PenaltyPass penalties_;
  std::any rounded_;  // only if it computes in another dtype than the model's
  FlatParameters::LayoutId rounded_from_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_SUPERVISED_OBJECTIVE_H_
