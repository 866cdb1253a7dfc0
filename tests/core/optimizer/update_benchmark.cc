// Measures each update alone: on 100 parameters of 1,000 numbers against torch::optim and the
// cache's bandwidth, and on 10 million numbers against the memory's, in float32; and Muon, whose
// steps are matrix products, against those. The sides alternate; the minima count, since whatever
// else the machine does only ever adds time.
//
//   taskset -c 1 .bazel-bin/tests/core/optimizer/update_benchmark [ROUNDS]
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/model.h"
#include "core/optimizer/adabelief.h"
#include "core/optimizer/adadelta.h"
#include "core/optimizer/adafactor.h"
#include "core/optimizer/adagrad.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/adamax.h"
#include "core/optimizer/adamw.h"
#include "core/optimizer/amsgrad.h"
#include "core/optimizer/asgd.h"
#include "core/optimizer/lamb.h"
#include "core/optimizer/lion.h"
#include "core/optimizer/method.h"
#include "core/optimizer/muon.h"
#include "core/optimizer/nadam.h"
#include "core/optimizer/radam.h"
#include "core/optimizer/rmsprop.h"
#include "core/optimizer/rprop.h"
#include "core/optimizer/schedule_free.h"
#include "core/optimizer/sgd.h"
#include "tests/core/optimizer/no_evaluations.h"

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

// The parameters are matrices for the optimizers to which that makes a difference.
ModelOf<Parameters> Make(int64_t parameters, int64_t size) {
  const int64_t rows = size == 1000 ? 25 : 2500;
  Parameters made;
  for (int64_t i = 0; i < parameters; ++i) made.list.push_back(torch::randn({rows, size / rows}));
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

// An update reads x, the gradient and the states, and writes all but the gradient.
template <class O>
double Bytes(const O& optimizer, int64_t numbers) {
  const double states = static_cast<double>(O::States(optimizer).size());
  return (3 + 2 * states) * sizeof(float) * static_cast<double>(numbers);
}

template <class O>
Side Ours(const O& optimizer, int64_t parameters, int64_t size) {
  const ModelOf<Parameters> x0 = Make(parameters, size);
  const std::shared_ptr<descent::Method<ModelOf<Parameters>>> method = optimizer.Start(x0);
  auto gradient = std::make_shared<ModelOf<Parameters>>(Make(parameters, size));
  return {std::string(O::kind),
          [method, gradient] {
            descent::NoEvaluations<ModelOf<Parameters>> none;
            method->Step(*gradient, none);
          },
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
          Of(Asgd{.step_size = kStepSize}),
          Of(ScheduleFreeSgd{.step_size = kStepSize}),
          Of(ScheduleFreeAdamW{.step_size = kStepSize}),
          Of(Lamb{.step_size = kStepSize}),
          Of(Adafactor{.step_size = kStepSize})};
}

double Rate(const Side& side) { return side.bytes / side.best / 1e3; }

// For one matrix [n, n] these are five times X Xᵀ, its square and one more product, of 2n³
// operations each.
void MeasureMuon(int64_t n, int rounds) {
  ModelOf<Parameters> x0(Parameters{{torch::randn({n, n})}});
  ModelOf<Parameters> gradient(Parameters{{torch::randn({n, n})}});
  const auto method = descent::Muon{.step_size = kStepSize}.Start(x0);
  descent::NoEvaluations<ModelOf<Parameters>> none;
  const auto a = torch::randn({n, n}), b = torch::randn({n, n});
  at::Tensor c = torch::empty({n, n});
  std::vector<Side> pair = {{"products",
                             [&] {
                               for (int i = 0; i < 15; ++i) at::mm_out(c, a, b);
                             }},
                            {"muon", [&] { method->Step(gradient, none); }}};
  Measure(pair, rounds, n < 100 ? 50 : 2);
  std::printf(
      "  muon, [%4d, %4d] %10.1f us; its 15 matrix products %10.1f us: %4.2f times as long\n",
      static_cast<int>(n), static_cast<int>(n), pair[1].best, pair[0].best,
      pair[1].best / pair[0].best);
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
  // This is what its bytes would take from where they are, at the best: the same data in one pass.
  const auto near_a = torch::randn({100'000}), near_b = torch::randn({100'000});
  sides.push_back({"y <- y + a x", [=] { near_b.add_(near_a, kStepSize); }, 12.0 * 100'000});
  Measure(sides, rounds, 50);
  const double cache = Rate(sides.back());
  sides.pop_back();
  std::printf("100 parameters of 1,000 numbers\n");
  for (size_t i = 0; i < ours; ++i) {
    std::printf("  %-19s %8.1f us, %5.1f GB/s; cache %5.1f GB/s: %4.2f times as long",
                sides[i].name.c_str(), sides[i].best, Rate(sides[i]), cache,
                cache / Rate(sides[i]));
    for (size_t j = ours; j < sides.size(); ++j) {
      if (sides[j].name != sides[i].name) continue;
      std::printf("   torch::optim %8.1f us, %4.1f times as long", sides[j].best,
                  sides[j].best / sides[i].best);
    }
    std::printf("\n");
  }

  constexpr int64_t kLarge = 10'000'000;
  std::printf("10 million numbers\n");
  // They are made one after the other: all of them together would be gigabytes.
  for (const Maker& make : Makers()) {
    const auto a = torch::randn({kLarge}), b = torch::randn({kLarge});
    std::vector<Side> pair = {{"y <- y + a x", [=] { b.add_(a, kStepSize); }, 12.0 * kLarge},
                              make(1, kLarge)};
    Measure(pair, std::max(3, rounds / 3), 2);
    std::printf("  %-19s %8.0f us, %5.1f GB/s; memory %5.1f GB/s: %4.2f times as long\n",
                pair[1].name.c_str(), pair[1].best, Rate(pair[1]), Rate(pair[0]),
                Rate(pair[0]) / Rate(pair[1]));
  }
  std::printf("Matrices\n");
  for (const int64_t n : {32, 256, 1024}) MeasureMuon(n, std::max(3, rounds / 3));
  return 0;
}
