// Each update alone: on 100 parameters of 1,000 numbers against torch::optim, and on 10 million
// numbers against the memory's bandwidth, float32. The sides alternate; the minima count, since
// whatever else the machine does only ever adds time.
//
//   taskset -c 1 .bazel-bin/tests/core/optimizer/update_benchmark [ROUNDS]
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/model.h"
#include "core/optimizer/adabelief.h"
#include "core/optimizer/adadelta.h"
#include "core/optimizer/adagrad.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/adamax.h"
#include "core/optimizer/adamw.h"
#include "core/optimizer/amsgrad.h"
#include "core/optimizer/asgd.h"
#include "core/optimizer/lion.h"
#include "core/optimizer/nadam.h"
#include "core/optimizer/radam.h"
#include "core/optimizer/rmsprop.h"
#include "core/optimizer/rprop.h"
#include "core/optimizer/sgd.h"

namespace {

using descent::Fields;
using descent::ModelOf;

constexpr double kStepSize = 1e-6;

struct Parameters {
  std::vector<at::Tensor> list;
  void fields(Fields& fields) {
    for (size_t i = 0; i < list.size(); ++i) fields("p" + std::to_string(i), list[i]);
  }
};

ModelOf<Parameters> Make(int64_t parameters, int64_t size) {
  Parameters made;
  for (int64_t i = 0; i < parameters; ++i) made.list.push_back(torch::randn({size}));
  return ModelOf(std::move(made));
}

double Microseconds(const std::function<void()>& run, int times) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) run();
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  return time.count() / times;
}

struct Side {
  std::string name;
  std::function<void()> run;
  double bytes = 0;
  double best = 1e300;
};

void Measure(std::vector<Side>& sides, int rounds, int times) {
  for (int round = 0; round < rounds; ++round) {
    for (Side& side : sides) side.best = std::min(side.best, Microseconds(side.run, times));
  }
}

// Reads x, the gradient and the states, writes all but the gradient.
template <class O>
double Bytes(const O& optimizer, int64_t numbers) {
  const double states = static_cast<double>(O::States(optimizer).size());
  return (3 + 2 * states) * sizeof(float) * static_cast<double>(numbers);
}

template <class O>
Side Ours(const O& optimizer, int64_t parameters, int64_t size) {
  const ModelOf<Parameters> x0 = Make(parameters, size);
  using M = typename O::template MethodFor<ModelOf<Parameters>>;
  auto method = std::make_shared<M>(optimizer, x0);
  auto gradient = std::make_shared<ModelOf<Parameters>>(Make(parameters, size));
  return {std::string(O::kind), [method, gradient] { method->Step(*gradient); },
          Bytes(optimizer, parameters * size)};
}

template <class Optimizer, class Options>
Side Torchs(const std::string& name, const Options& options) {
  std::vector<torch::Tensor> parameters;
  for (int i = 0; i < 100; ++i) {
    parameters.push_back(torch::randn({1000}).requires_grad_());
    parameters.back().mutable_grad() = torch::randn({1000});
  }
  auto optimizer = std::make_shared<Optimizer>(parameters, options);
  return {name, [optimizer] { optimizer->step(); }};
}

using Maker = std::function<Side(int64_t parameters, int64_t size)>;

template <class O>
Maker Of(O optimizer) {
  return
      [optimizer](int64_t parameters, int64_t size) { return Ours(optimizer, parameters, size); };
}

std::vector<Maker> Makers() {
  using namespace descent;
  return {Of(Sgd{.step_size = kStepSize, .momentum = 0.9}),
          Of(AdaGrad{.step_size = kStepSize}),
          Of(RmsProp{.step_size = kStepSize}),
          Of(Adam{.step_size = kStepSize}),
          Of(AdamW{.step_size = kStepSize}),
          Of(AdaDelta{.step_size = kStepSize}),
          Of(AmsGrad{.step_size = kStepSize}),
          Of(AdaMax{.step_size = kStepSize}),
          Of(NAdam{.step_size = kStepSize}),
          Of(RAdam{.step_size = kStepSize}),
          Of(AdaBelief{.step_size = kStepSize}),
          Of(Lion{.step_size = kStepSize}),
          Of(Rprop{.initial_step = kStepSize, .max_step = 2 * kStepSize}),
          Of(Asgd{.step_size = kStepSize})};
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 30;
  torch::manual_seed(0);
  torch::set_num_threads(1);
  torch::NoGradGuard no_grad;
  namespace to = torch::optim;

  std::vector<Side> sides;
  for (const Maker& make : Makers()) sides.push_back(make(100, 1000));
  const size_t ours = sides.size();
  sides.push_back(Torchs<to::SGD>("sgd", to::SGDOptions(kStepSize).momentum(0.9)));
  sides.push_back(Torchs<to::Adagrad>("adagrad", to::AdagradOptions(kStepSize)));
  sides.push_back(Torchs<to::RMSprop>("rmsprop", to::RMSpropOptions(kStepSize)));
  sides.push_back(Torchs<to::Adam>("adam", to::AdamOptions(kStepSize)));
  sides.push_back(Torchs<to::AdamW>("adamw", to::AdamWOptions(kStepSize)));
  Measure(sides, rounds, 50);
  std::printf("100 parameters of 1,000 numbers\n");
  for (size_t i = 0; i < ours; ++i) {
    std::printf("  %-12s %8.1f us", sides[i].name.c_str(), sides[i].best);
    for (size_t j = ours; j < sides.size(); ++j) {
      if (sides[j].name != sides[i].name) continue;
      std::printf("   torch::optim %8.1f us, %4.1f times as long", sides[j].best,
                  sides[j].best / sides[i].best);
    }
    std::printf("\n");
  }

  constexpr int64_t kLarge = 10'000'000;
  std::printf("10 million numbers\n");
  // One after the other: all of them together would be gigabytes.
  for (const Maker& make : Makers()) {
    const auto a = torch::randn({kLarge}), b = torch::randn({kLarge});
    std::vector<Side> pair = {{"y <- y + a x", [=] { b.add_(a, kStepSize); }, 12.0 * kLarge},
                              make(1, kLarge)};
    Measure(pair, std::max(3, rounds / 3), 2);
    const auto rate = [](const Side& side) { return side.bytes / side.best / 1e3; };
    std::printf("  %-12s %8.0f us, %5.1f GB/s; memory %5.1f GB/s: %4.2f times as long\n",
                pair[1].name.c_str(), pair[1].best, rate(pair[1]), rate(pair[0]),
                rate(pair[0]) / rate(pair[1]));
  }
  return 0;
}
