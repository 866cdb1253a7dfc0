// The static plan against autograd and against a plan written by hand: one step of an MLP
// `in-h-h-10` with ReLU and cross-entropy, float32, Adam at a vanishing step size (so that nothing
// underflows), one thread. The sides alternate in slices of about 50 ms; prints the least and the
// median time of each and its speed relative to the first.
//
//   taskset -c 1 .bazel-bin/tests/benchmarks/plan_benchmark [IN HIDDEN BATCH [SLICES [SIDE]]]
//
// With SIDE (a number, from 0) only that one runs, for `perf`.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/data/batches.h"
#include "core/data/dataset.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/objective/gradient.h"
#include "core/objective/loss.h"
#include "core/objective/supervised_objective.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/model_run.h"

namespace {

constexpr int64_t kClasses = 10;
constexpr double kStepSize = 1e-12;

double sink = 0;

// The floor of what a step costs: forward and backward in `_out` kernels on buffers laid out by
// hand, and the fused Adam. It reads neither value nor gradient norm, and has one batch.
std::function<void()> ByHand(int64_t in, int64_t hidden, int64_t batch) {
  struct State {
    at::Tensor x, onehot, flat, grad, m, v, count, a1, a2, z, logp, d1, d2, d3;
    std::vector<at::Tensor> p, g;
  };
  auto s = std::make_shared<State>();
  s->x = at::randn({batch, in});
  s->onehot = at::zeros({batch, kClasses}).scatter_(1, at::randint(0, kClasses, {batch, 1}), 1.0);
  const std::vector<std::vector<int64_t>> sizes = {
      {hidden, in}, {hidden}, {hidden, hidden}, {hidden}, {kClasses, hidden}, {kClasses}};
  int64_t n = 0;
  for (const auto& size : sizes) n += c10::multiply_integers(size);
  s->flat = at::rand({n}).sub_(0.5).mul_(0.1), s->grad = at::zeros({n}), s->m = at::zeros({n});
  s->v = at::zeros({n}), s->count = at::zeros({});
  int64_t place = 0;
  for (const auto& size : sizes) {
    const int64_t count = c10::multiply_integers(size);
    s->p.push_back(s->flat.narrow(0, place, count).view(size));
    s->g.push_back(s->grad.narrow(0, place, count).view(size));
    place += count;
  }
  s->a1 = at::empty({batch, hidden}), s->a2 = at::empty({batch, hidden});
  s->d1 = at::empty_like(s->a1), s->d2 = at::empty_like(s->a2);
  s->z = at::empty({batch, kClasses}), s->logp = at::empty_like(s->z), s->d3 = at::empty_like(s->z);
  const at::Tensor w1t = s->p[0].t(), w2t = s->p[2].t(), w3t = s->p[4].t();
  const at::Tensor d1t = s->d1.t(), d2t = s->d2.t(), d3t = s->d3.t();
  return [=] {
    const at::NoGradGuard no_grad;
    auto& [x, onehot, flat, grad, m, v, count, a1, a2, z, logp, d1, d2, d3, p, g] = *s;
    at::addmm_out(a1, p[1], x, w1t), at::relu_(a1);
    at::addmm_out(a2, p[3], a1, w2t), at::relu_(a2);
    at::addmm_out(z, p[5], a2, w3t);
    at::_log_softmax_out(logp, z, 1, false);
    at::exp_out(d3, logp).sub_(onehot).mul_(1.0 / static_cast<double>(batch));
    at::mm_out(g[4], d3t, a2), at::sum_out(g[5], d3, 0), at::mm_out(d2, d3, p[4]);
    at::threshold_backward_out(d2, d2, a2, 0);
    at::mm_out(g[2], d2t, a1), at::sum_out(g[3], d2, 0), at::mm_out(d1, d2, p[2]);
    at::threshold_backward_out(d1, d1, a1, 0);
    at::mm_out(g[0], d1t, x), at::sum_out(g[1], d1, 0);
    count.add_(1);
    at::_fused_adam_({flat}, {grad}, {m}, {v}, {}, {count}, kStepSize, 0.9, 0.999, 0.0, 1e-8, false,
                     false);
  };
}

// The whole step of ours: the batch is gathered from a larger data set, then come gradient, value,
// norm and update.
std::function<void()> Ours(int64_t in, int64_t hidden, int64_t batch, bool plan, bool step) {
  auto built = descent::BuildModel(
      {.root = descent::Sequential{{descent::Linear{.out_features = hidden}, descent::Relu{},
                                    descent::Linear{.out_features = hidden}, descent::Relu{},
                                    descent::Linear{.out_features = kClasses}}},
       .input_shape = {in}});
  descent::Dataset dataset;
  dataset.inputs = at::randn({batch * 64, in});
  dataset.targets = at::randint(0, kClasses, {batch * 64}, at::kLong);
  std::shared_ptr<descent::Batches> batches =
      *descent::Batches::Create(std::move(dataset), {.batch_size = batch, .seed = 1});
  descent::Loss loss = descent::cross_entropy();
  if (!plan) loss.plan = nullptr;
  descent::SupervisedObjective objective(std::move(loss),
                                         [=](int64_t k) { return batches->At(k); });
  if (!step) {
    auto x = std::make_shared<descent::Model>(built->model);
    auto g = std::make_shared<descent::Model>(built->model);
    return [=]() mutable { sink += descent::gradient_into(objective, *x, *g); };
  }
  std::shared_ptr<descent::ModelRun> run = *descent::ModelRun::Create(
      descent::Adam{.step_size = kStepSize}, built->model, std::move(objective));
  return [=] {
    const auto iteration = run->current();
    sink += iteration->value + iteration->gradient_norm;
    run->advance().IgnoreError();
  };
}

double MicrosecondsPerStep(const std::function<void()>& step, int64_t steps) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < steps; ++i) step();
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  return time.count() / static_cast<double>(steps);
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t in = argc > 3 ? std::atoll(argv[1]) : 64,
                hidden = argc > 3 ? std::atoll(argv[2]) : 32,
                batch = argc > 3 ? std::atoll(argv[3]) : 64;
  const int slices = argc > 4 ? std::atoi(argv[4]) : 40;
  at::manual_seed(0);
  at::set_num_threads(1);
  std::vector<std::pair<std::string, std::function<void()>>> sides = {
      {"by hand: _out kernels, fused Adam", ByHand(in, hidden, batch)},
      {"plan: gather, step, value, norm", Ours(in, hidden, batch, true, true)},
      {"plan: gradient and value alone", Ours(in, hidden, batch, true, false)},
      {"autograd: gather, step, value, norm", Ours(in, hidden, batch, false, true)}};
  if (argc > 5) sides = {sides[static_cast<size_t>(std::atoi(argv[5]))]};
  const int64_t steps = std::max<int64_t>(
      1, static_cast<int64_t>(5e4 / MicrosecondsPerStep(sides.front().second, 20)));
  std::vector<std::vector<double>> times(sides.size());
  for (int slice = -1; slice < slices; ++slice) {
    for (size_t side = 0; side < sides.size(); ++side) {
      const double time = MicrosecondsPerStep(sides[side].second, steps);
      if (slice >= 0) times[side].push_back(time);
    }
  }
  for (auto& side : times) std::sort(side.begin(), side.end());
  std::printf("%lld-%lld-%lld-10, batch %lld\n", static_cast<long long>(in),
              static_cast<long long>(hidden), static_cast<long long>(hidden),
              static_cast<long long>(batch));
  for (size_t side = 0; side < sides.size(); ++side) {
    const double least = times[side].front(), median = times[side][times[side].size() / 2];
    std::printf("%-38s least %9.1f us  median %9.1f us  speed ratio %.2f (of medians %.2f)\n",
                sides[side].first.c_str(), least, median, times[0].front() / least,
                times[0][times[0].size() / 2] / median);
  }
  return sink == 12345;
}
