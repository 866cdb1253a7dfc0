// Compares an optimizer's iteration with the same loop written by hand on LibTorch: the tiny MLP
// 64-32-32-10 with ReLU and cross-entropy, batch 64, float32, one thread, Adam at a vanishing step
// size (so that nothing underflows), value and gradient norm read each step. The two sides
// alternate in slices of about 50 ms; it prints the medians and their ratio.
//
//   taskset -c 1 .bazel-bin/tests/core/optimizer/mlp_benchmark [SLICES]
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/objective/supervised_objective.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/model_run.h"

namespace {

constexpr int64_t kIn = 64, kHidden = 32, kClasses = 10, kBatch = 64;
constexpr double kStepSize = 1e-12;

double MicrosecondsPerStep(const std::function<void()>& step, int64_t steps) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < steps; ++i) step();
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  return time.count() / static_cast<double>(steps);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int slices = argc > 1 ? std::atoi(argv[1]) : 60;
  torch::manual_seed(0);
  torch::set_num_threads(1);
  const auto x = torch::randn({kBatch, kIn}), y = torch::randint(0, kClasses, {kBatch});
  double sink = 0;

  // This loop is written by hand: parameters and gradients are views of one flat buffer each, and
  // the step is the fused kernel.
  using torch::nn::Linear, torch::nn::ReLU;
  torch::nn::Sequential net(Linear(kIn, kHidden), ReLU(), Linear(kHidden, kHidden), ReLU(),
                            Linear(kHidden, kClasses));
  int64_t n = 0;
  for (const auto& p : net->parameters()) n += p.numel();
  auto flat = torch::empty({n}), grad = torch::zeros({n}), m = torch::zeros({n}),
       v = torch::zeros({n}), count = torch::zeros({});
  {
    torch::NoGradGuard no_grad;
    int64_t at = 0;
    for (auto& p : net->parameters()) {
      auto view = flat.narrow(0, at, p.numel()).view(p.sizes());
      view.copy_(p);
      p.set_data(view);
      p.mutable_grad() = grad.narrow(0, at, p.numel()).view(p.sizes());
      at += p.numel();
    }
  }
  const auto by_hand = [&] {
    grad.zero_();
    auto value = torch::nn::functional::cross_entropy(net->forward(x), y);
    value.backward();
    sink += value.item<double>() + grad.norm().item<double>();
    torch::NoGradGuard no_grad;
    count.add_(1);
    at::_fused_adam_({flat}, {grad}, {m}, {v}, {}, {count}, kStepSize, 0.9, 0.999, 0.0, 1e-8, false,
                     false);
  };

  auto built = descent::BuildModel(
      {.root = descent::Sequential{{descent::Linear{.out_features = kHidden}, descent::Relu{},
                                    descent::Linear{.out_features = kHidden}, descent::Relu{},
                                    descent::Linear{.out_features = kClasses}}},
       .input_shape = {kIn}});
  const descent::SupervisedObjective objective(
      descent::cross_entropy(), [batch = descent::Batch{x, y}](int64_t) { return batch; });
  auto run = descent::Adam{.step_size = kStepSize}(built->model, objective);
  auto it = run.begin();
  const auto range = [&] {
    const auto iteration = *it;
    sink += iteration.value + iteration.gradient_norm();
    ++it;
  };
  auto erased =
      descent::ModelRun::Create(descent::Adam{.step_size = kStepSize}, built->model, objective);
  const auto model_run = [&] {
    const auto iteration = (*erased)->current();
    sink += iteration->value + iteration->gradient_norm;
    (*erased)->advance().IgnoreError();
  };

  const std::vector<std::pair<const char*, std::function<void()>>> sides = {
      {"LibTorch by hand, flat fused Adam", by_hand},
      {"Adam as a range", range},
      {"ModelRun", model_run}};
  std::vector<std::vector<double>> times(sides.size());
  for (int slice = -2; slice < slices; ++slice) {
    for (size_t side = 0; side < sides.size(); ++side) {
      const double time = MicrosecondsPerStep(sides[side].second, 500);
      if (slice >= 0) times[side].push_back(time);
    }
  }
  const double reference = Median(times[0]);
  for (size_t side = 0; side < sides.size(); ++side) {
    const double median = Median(times[side]);
    std::printf("%-36s %7.1f us/step   speed ratio %.3f\n", sides[side].first, median,
                reference / median);
  }
  return sink < 0;
}
