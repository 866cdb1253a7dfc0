// The model that a checkpoint gives is the one that evaluations looked at.
#include "core/train/load_model.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "core/model/batch_norm.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/objective/evaluate.h"
#include "core/objective/loss_sum.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/averages.h"
#include "core/optimizer/lbfgs.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/schedule_free.h"
#include "core/train/trainer.h"
#include "tests/core/data/temporary_folder.h"

namespace descent {
namespace {

Dataset Examples() {
  Dataset data;
  at::manual_seed(3);
  data.inputs = at::rand({50, 4});
  data.targets = data.inputs.argmax(1);
  data.origin = Origin("examples");
  return data;
}

Model Start(int64_t width = 8) {
  return BuildModel({.root = Sequential{{Linear{.out_features = width}, BatchNorm{}, Relu{},
                                         Linear{.out_features = 4}}},
                     .input_shape = {4},
                     .seed = 5})
      ->model;
}

LossSum Objective() {
  return LossSum({{"classes", cross_entropy(), 0.5}}, {MakePenalty(L2Penalty{.weight = 1e-3})});
}

class LoadModelTest : public ::testing::Test {
 protected:
  // Trains up to iteration 12, and saves; gives the evaluation there.
  EvaluationResult Train(const OptimizerOptions& optimizer) {
    const Model start = Start();
    auto trainer =
        Trainer::Create({.starting_point = &start,
                         .optimizer = optimizer,
                         .loss = Objective(),
                         .batches = *Batches::Create(Examples(), {.batch_size = 50, .seed = 11}),
                         .test = Examples(),
                         .agenda = {.iterations = 40, .iterations_per_epoch = 1},
                         .stop_when = {.value_change = 1e-30}});
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    for (int k = 0; k < 12; ++k) EXPECT_TRUE((*trainer)->Advance().ok());
    EXPECT_TRUE((*trainer)->Current().ok());
    const auto evaluated = (*trainer)->Evaluate();
    EXPECT_TRUE(evaluated.ok()) << evaluated.status();
    const auto saved = (*trainer)->Save(path(), 0, (*trainer)->Snapshot());
    EXPECT_TRUE(saved.ok()) << saved.status();
    sha256_ = saved->sha256;
    return *evaluated;
  }

  std::string path() const { return folder_.path() + "/run.safetensors"; }

  const TemporaryFolder folder_;
  std::string sha256_;
};

TEST_F(LoadModelTest, EvaluatesAsInTheRun) {
  const std::map<std::string, OptimizerOptions> optimizers = {
      {"adam", Adam{}},
      {"nesterov", Nesterov{.step_size = 0.1}},
      {"lbfgs", Lbfgs{}},
      {"ema", Ema<OptimizerOptions>{.decay = 0.9, .optimizer = Adam{.step_size = 0.05}}},
      {"swa", Swa<OptimizerOptions>{.start = 4, .period = 2, .optimizer = Adam{}}},
      {"schedule_free", ScheduleFreeAdamW{.step_size = 0.05}}};
  for (const auto& [name, optimizer] : optimizers) {
    const EvaluationResult there = Train(optimizer);
    const auto loaded = LoadModel(Start(), optimizer, Objective().weights(), path(), sha256_);
    ASSERT_TRUE(loaded.ok()) << name << ": " << loaded.status();
    EXPECT_EQ(loaded->iteration, 12);
    const Dataset data = Examples();
    const auto here = Evaluate(loaded->model, Objective(), data.inputs, data.targets);
    ASSERT_TRUE(here.ok()) << here.status();
    EXPECT_EQ(here->loss, there.loss) << name;
    // An average of solutions has running averages of its own: those of the epoch's one batch.
    const auto named = [&](const std::string& end, std::span<const Parameter> list) {
      return std::ranges::find_if(list, [&](const auto& p) { return p.name == end; })->tensor;
    };
    const Model& x = loaded->model;
    const at::Tensor before =
        at::linear(data.inputs, named("0.weight", x.parameters()), named("0.bias", x.parameters()));
    const bool own =
        at::allclose(named("1.running_mean", x.states()), before.mean(0), 1e-5, 1e-6) &&
        at::allclose(named("1.running_var", x.states()), before.var(0), 1e-5, 1e-6);
    EXPECT_EQ(own, name == "ema" || name == "swa" || name == "schedule_free") << name;
  }
}

TEST_F(LoadModelTest, RefusesAnotherModelOrOptimizerAndOtherBytes) {
  Train(Adam{});
  const auto refusal = [&](const Model& model, const OptimizerOptions& optimizer,
                           const std::string& sha256) {
    return std::string(
        LoadModel(model, optimizer, Objective().weights(), path(), sha256).status().message());
  };
  EXPECT_THAT(refusal(Start(9), Adam{}, sha256_),
              ::testing::HasSubstr("is no checkpoint of this model"));
  EXPECT_THAT(refusal(Start(), Nesterov{.step_size = 0.1}, sha256_),
              ::testing::HasSubstr("is missing"));
  EXPECT_THAT(refusal(Start(), Adam{}, std::string(64, '0')), ::testing::HasSubstr(path()));
  EXPECT_EQ(LoadModel(Start(), Adam{}, Objective().weights(), "/nowhere", "").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace descent
