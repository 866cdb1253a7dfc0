// Tests layers that act differently in training: what they do, and that a run has it under control.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ATen/Context.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randn.h"
#include "core/model/batch_norm.h"
#include "core/model/dropout.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/sequential.h"
#include "core/objective/gradient.h"
#include "core/objective/loss.h"
#include "core/objective/supervised_objective.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/averages.h"
#include "core/optimizer/freeze.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/model_run.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/sam.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

constexpr Pass kTraining{.training = true, .iteration = 4};

Model Built(std::vector<LayerOptions> layers, uint64_t seed = 1) {
  absl::StatusOr<BuiltModel> built = BuildModel({.root = Sequential{std::move(layers)},
                                                 .input_shape = {3},
                                                 .dtype = at::kDouble,
                                                 .seed = seed});
  EXPECT_TRUE(built.ok()) << built.status();
  return std::move(built->model);
}

Model Dropping(uint64_t seed = 1) {
  return Built({Linear{.out_features = 50,
                       .weight_init = ConstantInitializer{.value = 0},
                       .bias_init = ConstantInitializer{.value = 1}},
                Dropout{.p = 0.25}},
               seed);
}

TEST(DropoutTest, DropsItsShareInTrainingAlone) {
  const Model x = Dropping();
  const at::Tensor input = at::ones({400, 3}, at::kDouble);
  EXPECT_TRUE(at::equal(x(input), at::ones({400, 50}, at::kDouble)));
  const at::Tensor y = x(input, kTraining);
  const double dropped = y.eq(0).sum().item<double>() / 20000;
  EXPECT_NEAR(dropped, 0.25, 0.012);
  EXPECT_NEAR(y.max().item<double>(), 1 / 0.75, 1e-12);
  EXPECT_NEAR(y.eq(0).to(at::kDouble).mean(0).std().item<double>(), std::sqrt(0.25 * 0.75 / 400),
              0.006);
}

TEST(DropoutTest, TheMaskIsAFunctionOfSeedPathAndIteration) {
  const at::Tensor input = at::ones({40, 3}, at::kDouble);
  const at::Tensor y = Dropping()(input, kTraining);
  EXPECT_TRUE(at::equal(Dropping()(input, kTraining), y));
  EXPECT_FALSE(at::equal(Dropping(2)(input, kTraining), y));
  EXPECT_FALSE(at::equal(Dropping()(input, Pass{.training = true, .iteration = 5}), y));
  const Model twice = Built({Linear{.out_features = 50,
                                    .weight_init = ConstantInitializer{.value = 0},
                                    .bias_init = ConstantInitializer{.value = 1}},
                             Dropout{.p = 0.25}, Dropout{.p = 0.25}});
  EXPECT_NEAR(twice(input, kTraining).eq(0).to(at::kDouble).mean().item<double>(), 1 - 0.75 * 0.75,
              0.04);
}

at::Tensor State(const Model& x, const std::string& name) {
  for (const Parameter& state : x.states()) {
    if (state.name.ends_with(name)) return state.tensor;
  }
  return {};
}

TEST(BatchNormTest, KeepsRunningAveragesOnceAnIteration) {
  const Model x = Built({BatchNorm{.momentum = 0.25}});
  EXPECT_EQ(x.parameter_count(), 6);
  const at::Tensor input = at::randn({10, 3}, at::kDouble) * 3 + 1;
  const at::Tensor y = x(input, kTraining);
  EXPECT_LE(y.mean(0).abs().max().item<double>(), 1e-12);
  EXPECT_LE((State(x, "running_mean") - 0.25 * input.mean(0)).abs().max().item<double>(), 1e-12);
  EXPECT_LE((State(x, "running_var") - 0.75 - 0.25 * input.var(0)).abs().max().item<double>(),
            1e-12);
  const at::Tensor before = State(x, "running_mean").clone();
  x(input, kTraining);
  EXPECT_TRUE(at::equal(State(x, "running_mean"), before));
  x(input, Pass{.training = true, .iteration = 5});
  EXPECT_FALSE(at::equal(State(x, "running_mean"), before));
  const at::Tensor expected =
      (input - State(x, "running_mean")) / (State(x, "running_var") + 1e-5).sqrt();
  EXPECT_LE((x(input) - expected).abs().max().item<double>(), 1e-12);
}

TEST(BatchNormTest, StatesAreCopiedAndNoPartOfTheSpace) {
  const Model x = Built({BatchNorm{}});
  x(at::randn({10, 3}, at::kDouble), kTraining);
  const Model y = x;
  EXPECT_TRUE(at::equal(State(y, "running_mean"), State(x, "running_mean")));
  const Model sum = 2 * x + y;
  EXPECT_TRUE(at::equal(State(sum, "running_mean"), State(x, "running_mean")));
  State(x, "running_mean").zero_();
  EXPECT_FALSE(at::equal(State(y, "running_mean"), State(x, "running_mean")));
  EXPECT_EQ(State(y, "num_batches_tracked").item<int64_t>(), 5);
}

TEST(BatchNormTest, RefusesASingleValueForEachChannel) {
  const Model x = Built({BatchNorm{}});
  EXPECT_THROW(x(at::randn({1, 3}, at::kDouble), kTraining), std::invalid_argument);
  EXPECT_NO_THROW(x(at::randn({1, 3}, at::kDouble)));
  for (const bool plan : {true, false}) {
    Loss loss = mean_squared_error();
    if (!plan) loss.plan = nullptr;
    auto run = ModelRun::Create(Adam{}, x, SupervisedObjective(loss, [](int64_t) {
                                  return Batch{at::randn({1, 3}, at::kDouble),
                                               at::randn({1, 3}, at::kDouble)};
                                }));
    ASSERT_TRUE(run.ok()) << run.status();
    const absl::Status status = (*run)->current().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("more than one value for each channel"),
              absl::string_view::npos)
        << status;
  }
}

TEST(BatchNormTest, EstimatesAveragesAnew) {
  const Model x = Built({BatchNorm{}});
  x(at::randn({10, 3}, at::kDouble) + 7, kTraining);
  at::manual_seed(2);
  const at::Tensor a = at::randn({10, 3}, at::kDouble), b = at::randn({6, 3}, at::kDouble) - 1;
  x(a, Pass{.training = true, .estimation = 0});
  x(b, Pass{.training = true, .estimation = 1});
  EXPECT_LE((State(x, "running_mean") - (a.mean(0) + b.mean(0)) / 2).abs().max().item<double>(),
            1e-12);
  EXPECT_LE((State(x, "running_var") - (a.var(0) + b.var(0)) / 2).abs().max().item<double>(),
            1e-12);
}

// A frozen layer is used as it is, by autograd and by the plan.
TEST(BatchNormTest, FrozenItIsTheSameInTrainingAndAfter) {
  for (const BatchNorm& layer : {BatchNorm{}, BatchNorm{.affine = false}}) {
    Model x = Built({{"body", Sequential{{Linear{.out_features = 3}, layer}}},
                     {"head", Linear{.out_features = 2}}});
    x(at::randn({10, 3}, at::kDouble) + 1, kTraining);
    std::vector<size_t> body;
    for (size_t i = 0; i < x.parameters().size(); ++i) {
      if (x.parameters()[i].name.starts_with("body.")) body.push_back(i);
    }
    x.Freeze(body);
    const Model y = x;
    const at::Tensor input = at::randn({4, 3}, at::kDouble), before = State(y, "mean").clone();
    EXPECT_TRUE(at::equal(y(input, kTraining), y(input)));
    EXPECT_NO_THROW(y(input.narrow(0, 0, 1), kTraining));
    Model g[2] = {y, y};
    for (const bool plan : {true, false}) {
      Loss loss = mean_squared_error();
      if (!plan) loss.plan = nullptr;
      SupervisedObjective objective(
          loss, [&](int64_t) { return Batch{input, at::ones({4, 2}, at::kDouble)}; });
      g[plan ? 1 : 0] = gradient(objective, y).gradient;
    }
    EXPECT_LE(descent::norm(g[0] - g[1]), 1e-12 * descent::norm(g[0]));
    EXPECT_TRUE(at::equal(State(y, "mean"), before));
    x.Freeze({});
    EXPECT_FALSE(at::equal(x(input, kTraining), x(input)));
  }
}

SupervisedObjective Objective(bool plan) {
  Loss loss = mean_squared_error();
  if (!plan) loss.plan = nullptr;
  return {loss, [](int64_t iteration) {
            at::manual_seed(static_cast<uint64_t>(iteration) + 1);
            return Batch{at::randn({8, 3}, at::kDouble), at::randn({8, 2}, at::kDouble)};
          }};
}

Model Mlp() {
  return Built(
      {Linear{.out_features = 4}, BatchNorm{}, Dropout{.p = 0.3}, Linear{.out_features = 2}});
}

std::unique_ptr<ModelRun> Started(const OptimizerOptions& optimizer, bool plan = true) {
  absl::StatusOr<std::unique_ptr<ModelRun>> run =
      ModelRun::Create(optimizer, Mlp(), Objective(plan));
  EXPECT_TRUE(run.ok()) << run.status();
  return *std::move(run);
}

// Gives the running mean of the model that is shown at iteration k, and of the one to be evaluated.
at::Tensor RunningMean(ModelRun& run, int64_t k) {
  for (;;) {
    const auto view = run.current();
    EXPECT_TRUE(view.ok()) << view.status();
    if (view->index == k) {
      EXPECT_TRUE(
          at::equal(State(view->solution, "running_mean"), State(view->average, "running_mean")));
      EXPECT_EQ(State(view->solution, "num_batches_tracked").item<int64_t>(), k + 1);
      return State(view->solution, "running_mean").clone();
    }
    EXPECT_TRUE(run.advance().ok());
  }
}

std::vector<OptimizerOptions> Optimizers() {
  return {GradientDescent{.step_size = 0.1}, Adam{}, Nesterov{.step_size = 0.05, .momentum = 0.5},
          Sam{.optimizer = Adam{}}, Ema{.optimizer = Adam{}}};
}

TEST(RunTest, AFrozenNormsAveragesStay) {
  for (const bool plan : {true, false}) {
    for (const std::string pattern : {"1.*", "*"}) {
      const Model x = Mlp();
      const OptimizerOptions optimizer =
          Freeze<OptimizerOptions>{.pattern = pattern, .optimizer = Adam{}};
      auto run = ModelRun::Create(optimizer, x, Objective(plan));
      ASSERT_TRUE(run.ok()) << run.status();
      for (int k = 0; k < 3; ++k) {
        ASSERT_TRUE((*run)->current().ok());
        ASSERT_TRUE((*run)->advance().ok());
      }
      const auto view = (*run)->current();
      ASSERT_TRUE(view.ok()) << view.status();
      for (const char* state : {"running_mean", "running_var"}) {
        EXPECT_TRUE(at::equal(State(view->solution, state), State(x, state))) << pattern << state;
      }
    }
  }
}

TEST(RunTest, HasOneSetOfStatesWhicheverIterateIsEvaluated) {
  for (const OptimizerOptions& optimizer : Optimizers()) {
    const auto planned = Started(optimizer), recorded = Started(optimizer, false);
    const at::Tensor a = RunningMean(*planned, 6), b = RunningMean(*recorded, 6);
    EXPECT_LE((a - b).norm().item<double>(), 1e-9 * b.norm().item<double>());
    EXPECT_GT(b.norm().item<double>(), 0);
  }
}

TEST(RunTest, StatesAreSavedAndTheRunGoesOnBitForBit) {
  for (const OptimizerOptions& optimizer : Optimizers()) {
    const auto whole = Started(optimizer), first = Started(optimizer), second = Started(optimizer);
    RunningMean(*first, 3);
    RunState state = first->Save();
    for (auto& [name, tensor] : state.tensors) tensor = tensor.clone();
    ASSERT_TRUE(second->Load(state).ok());
    EXPECT_TRUE(at::equal(RunningMean(*second, 3), RunningMean(*whole, 3)));
    EXPECT_TRUE(at::equal(RunningMean(*second, 7), RunningMean(*whole, 7)));
    EXPECT_EQ(second->current()->value, whole->current()->value);
    state.tensors.erase(state.tensors.end() - 1);
    EXPECT_FALSE(second->Load(state).ok());
  }
}

}  // namespace
}  // namespace descent
