#include "core/model/batch_norm.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/batch_norm.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/var_mean.h"
#include "ATen/ops/zeros.h"
#include "absl/status/statusor.h"
#include "core/model/fields.h"
#include "core/model/layer.h"
#include "core/model/norm_layer.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

void RefuseSingle(int64_t count) {
  if (count > 1) return;
  throw std::invalid_argument(
      "batch_norm: in training it needs more than one value for each channel, and a batch of one "
      "example has one; give larger batches");
}

// How running averages move. A value: the numbers are elsewhere.
struct Running {
  double momentum;

  // Moves the averages once for each iteration, however often it is called. mean and variance (÷
  // count) are those of the batch, each over `count` > 1 numbers.
  void Update(int64_t iteration, int64_t count, const at::Tensor& mean, const at::Tensor& variance,
              const at::Tensor& running_mean, const at::Tensor& running_var,
              const at::Tensor& tracked) const {
    const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
    if (!tracked.is_cpu()) {
      // Nothing is read back from the device: a weight that is computed there decides.
      const at::Tensor share = tracked.ne(iteration + 1).to(mean.scalar_type()).mul_(momentum);
      running_mean.add_(share * (mean - running_mean));
      running_var.add_(share * (variance * unbiased - running_var));
      tracked.fill_(iteration + 1);
      return;
    }
    int64_t& seen = *tracked.mutable_data_ptr<int64_t>();
    if (seen == iteration + 1) return;
    seen = iteration + 1;
    const bool done = OnCpu(mean, [&]<class T>(T*) {
      Move(mean.const_data_ptr<T>(), mean.numel(), 1.0, running_mean.mutable_data_ptr<T>());
      Move(variance.const_data_ptr<T>(), mean.numel(), unbiased, running_var.mutable_data_ptr<T>());
    });
    if (done) return;
    running_mean.mul_(1 - momentum).add_(mean, momentum);
    running_var.mul_(1 - momentum).add_(variance, momentum * unbiased);
  }

  // Makes the averages the means over the batches 0 … batch, of which these are the last one's
  // numbers.
  static void Estimate(int64_t batch, int64_t count, const at::Tensor& mean,
                       const at::Tensor& variance, const at::Tensor& running_mean,
                       const at::Tensor& running_var) {
    const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
    if (batch == 0) {
      running_mean.zero_();
      running_var.zero_();
    }
    const double share = 1 / static_cast<double>(batch + 1);
    running_mean.mul_(1 - share).add_(mean, share);
    running_var.mul_(1 - share).add_(variance, share * unbiased);
  }

  template <class T>
  void Move(const T* batch, int64_t size, double factor, T* running) const {
    const T keep = static_cast<T>(1 - momentum), share = static_cast<T>(momentum * factor);
    for (int64_t i = 0; i < size; ++i) running[i] = keep * running[i] + share * batch[i];
  }
};

class BatchNormLayer final : public Layer {
 public:
  BatchNormLayer(const BuildContext& context, Affine affine, double momentum, double epsilon)
      : affine_(std::move(affine)), running_{momentum}, epsilon_(epsilon) {
    const auto options = at::TensorOptions().dtype(context.dtype).device(context.device);
    running_mean_ = at::zeros({context.input_shape[0]}, options);
    running_var_ = at::ones({context.input_shape[0]}, options);
    tracked_ = at::zeros({}, options.dtype(at::kLong));
  }

  at::Tensor forward(const at::Tensor& x, const Pass& pass) const override {
    if (!pass.training || held_) {
      return at::batch_norm(x, affine_.weight, affine_.bias, running_mean_, running_var_,
                            /*training=*/false, 0, epsilon_, /*cudnn_enabled=*/true);
    }
    {
      const at::NoGradGuard no_graph;
      const int64_t count = x.numel() / x.size(1);
      RefuseSingle(count);
      std::vector<int64_t> dimensions = {0};
      for (int64_t d = 2; d < x.dim(); ++d) dimensions.push_back(d);
      const auto [variance, mean] = at::var_mean(x, dimensions, /*unbiased=*/false);
      if (pass.estimation) {
        Running::Estimate(*pass.estimation, count, mean, variance, running_mean_, running_var_);
      } else {
        running_.Update(pass.iteration, count, mean, variance, running_mean_, running_var_,
                        tracked_);
      }
    }
    return at::batch_norm(x, affine_.weight, affine_.bias, {}, {}, /*training=*/true, 0, epsilon_,
                          /*cudnn_enabled=*/true);
  }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const int64_t batch = x.size(0), channels = x.size(1);
    int64_t positions = 1;
    for (size_t i = 2; i < x.sizes().size(); ++i) positions *= x.size(i);
    const normalize::Extent extent{batch, channels, positions};
    const PlanTensor mean = plan.State(running_mean_), var = plan.State(running_var_);
    if (held_) return PlanNormBy(plan, x, extent, mean, var, epsilon_, affine_);
    const PlannedNorm norm = PlanNorm(plan, x, extent, extent, epsilon_, affine_);
    const PlanTensor tracked = plan.State(tracked_);
    const auto iteration = plan.Iteration();
    plan.Forward({.reads = {norm.mean, norm.variance, mean, var, tracked},
                  .writes = {mean, var, tracked},
                  .run = [=, running = running_, count = batch * positions] {
                    RefuseSingle(count);
                    running.Update(*iteration, count, *norm.mean, *norm.variance, *mean, *var,
                                   *tracked);
                  }});
    return norm.y;
  }
  void fields(Fields& list) override {
    affine_.fields(list);
    list.state("running_mean", running_mean_);
    list.state("running_var", running_var_);
    list.state("num_batches_tracked", tracked_);
    list.held(held_);
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<BatchNormLayer>(*this); }

 private:
  Affine affine_;
  at::Tensor running_mean_, running_var_;  // [channels]
  at::Tensor tracked_;                     // [] of int64
  Running running_;
  double epsilon_;
  bool held_ = false;
};

}  // namespace

absl::StatusOr<BuiltLayer> BatchNorm::Build(const BuildContext& context) const {
  if (context.input_shape.empty()) return context.Mismatch(kind, "expects a dimension of channels");
  absl::StatusOr<Affine> parameters = Affine::Create(context, kind, affine, context.input_shape[0]);
  if (!parameters.ok()) return parameters.status();
  return BuiltLayer::Of(
      context, kind,
      std::make_unique<BatchNormLayer>(context, *std::move(parameters), momentum, epsilon),
      context.input_shape);
}

}  // namespace descent
