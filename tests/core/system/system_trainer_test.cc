// The trainer of a system: checkpoints, dials, evaluations, stop tests.

#include "core/train/system_trainer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/data/batches.h"
#include "core/optimizer/accumulate.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/nesterov.h"
#include "core/sequence/cosine.h"
#include "tests/core/data/temporary_folder.h"
#include "tests/core/system/gan.h"

namespace descent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Tests the trainer of such a system.
class SystemTrainerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Trainer> Make() {
    Gan gan;
    gan.discriminator = Net(2, 1, 1);
    gan.generator = Net(3, 2, 2, /*normalized=*/true);
    gan.first = Adam{.step_size = cosine(0.01, 60)};
    gan.second = Nesterov{.step_size = 0.01, .momentum = 0.5};
    gan.weight = 1;
    Dataset test;
    const Batch batch = BatchOf(1000);
    test.inputs = batch.inputs;
    test.targets = batch.targets;
    auto trainer = MakeSystemTrainer({.system = gan.Options(),
                                      .test = {test, std::nullopt},
                                      .agenda = {.iterations = 60},
                                      .stop_when = {.value_change = 0},
                                      .spec = "the spec"});
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  }

  // Collects values and scalars from where it stands to iteration `until`.
  static std::vector<double> Go(Trainer* trainer, int64_t until) {
    std::vector<double> all;
    while (true) {
      const auto boundary = trainer->Current();
      EXPECT_TRUE(boundary.ok()) << boundary.status();
      all.push_back(boundary->value);
      all.push_back(boundary->gradient_norm);
      all.insert(all.end(), boundary->scalars.begin(), boundary->scalars.end());
      if (boundary->index == until) return all;
      EXPECT_TRUE(trainer->StopReasons(std::nullopt)->empty());
      if (boundary->index == 25) {
        // The dial is one player's, of two that have such a dial.
        const auto& paths = trainer->dials().paths();
        const auto dial = std::find(paths.begin(), paths.end(), "generator.step_size");
        EXPECT_TRUE(trainer->dials().Set(static_cast<size_t>(dial - paths.begin()), 0.02).ok());
      }
      EXPECT_TRUE(trainer->Advance().ok());
    }
  }

  std::string Path(int64_t branch) const {
    return folder_.path() + "/" + std::to_string(branch) + ".safetensors";
  }

  TemporaryFolder folder_;
};

TEST_F(SystemTrainerTest, GoesOnFromACheckpointBitForBit) {
  const auto undisturbed = Make(), interrupted = Make(), resumed = Make();
  Go(undisturbed.get(), 20);
  const std::vector<double> expected = Go(undisturbed.get(), 60);
  Go(interrupted.get(), 20);
  const auto saved = interrupted->Save(Path(0), 0, interrupted->Snapshot());
  ASSERT_TRUE(saved.ok()) << saved.status();
  const auto at = resumed->Load(Path(0), saved->sha256);
  ASSERT_TRUE(at.ok()) << at.status();
  EXPECT_EQ(*at, 20);
  EXPECT_EQ(Go(resumed.get(), 60), expected);
  const auto one = undisturbed->Save(Path(1), 1, undisturbed->Snapshot());
  const auto other = resumed->Save(Path(2), 2, resumed->Snapshot());
  const auto first = LoadCheckpoint(Path(1), one->sha256);
  const auto second = LoadCheckpoint(Path(2), other->sha256);
  ASSERT_TRUE(first.ok() && second.ok());
  for (size_t i = 0; i < first->state.tensors.size(); ++i) {
    EXPECT_TRUE(first->state.tensors[i].second.equal(second->state.tensors[i].second))
        << first->state.tensors[i].first;
  }
}

TEST_F(SystemTrainerTest, DialsAndSeriesBearThePlayersName) {
  const auto trainer = Make();
  EXPECT_THAT(trainer->dials().paths(),
              ElementsAre("discriminator.step_size", "discriminator.beta1", "discriminator.beta2",
                          "discriminator.objective.fake.weight", "generator.step_size",
                          "generator.momentum"));
  EXPECT_THAT(trainer->series(), Contains("discriminator.objective.fake"));
  EXPECT_THAT(trainer->series(), Contains("generator.gradient_norm"));
  const auto start = trainer->Current();
  ASSERT_TRUE(start.ok());
  // It has all but the dials, which no step has used yet.
  ASSERT_EQ(start->scalars.size(), trainer->series().size() - trainer->dials().paths().size());
  double value = 0;
  for (size_t i = 0; i < start->scalars.size(); ++i) {
    if (trainer->series()[i].ends_with(".value")) value += start->scalars[i];
  }
  EXPECT_EQ(value, start->value);
  ASSERT_TRUE(trainer->Advance().ok());
  EXPECT_EQ(trainer->Current()->scalars.size(), trainer->series().size());
}

TEST_F(SystemTrainerTest, EvaluationsGiveEachPlayersObjective) {
  const auto trainer = Make();
  ASSERT_TRUE(trainer->Current().ok());
  const auto result = trainer->Evaluate();
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->metrics.size(), 2U);
  EXPECT_EQ(result->metrics[0].name, "discriminator.loss");
  EXPECT_NEAR(result->loss, result->metrics[0].value + result->metrics[1].value, 1e-12);
  EXPECT_EQ(result->examples, 16);
}

TEST_F(SystemTrainerTest, EvaluatesTheTrainingDataBesides) {
  const auto data = [](int64_t k) {
    const Batch batch = BatchOf(k);
    Dataset dataset;
    dataset.inputs = batch.inputs;
    dataset.targets = batch.targets;
    return dataset;
  };
  using DataOfPlayers = std::vector<std::optional<Dataset>>;
  const auto evaluate = [](const DataOfPlayers& test, const DataOfPlayers& train) {
    Gan gan;
    gan.discriminator = Net(2, 1, 1);
    gan.generator = Net(3, 2, 2);
    auto trainer = MakeSystemTrainer({.system = gan.Options(),
                                      .test = test,
                                      .evaluated_train = train,
                                      .agenda = {.iterations = 60}});
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    EXPECT_TRUE((*trainer)->Current().ok());
    const auto result = (*trainer)->Evaluate();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(EvaluationResult());
  };
  const EvaluationResult both = evaluate({data(1000), {}}, {data(2000), {}});
  std::vector<std::string> names;
  for (const MetricValue& metric : both.metrics) names.push_back(metric.name);
  EXPECT_THAT(names, ElementsAre("discriminator.loss", "generator.loss", "train_loss",
                                 "discriminator.train_loss"));
  const EvaluationResult train = evaluate({data(2000), {}}, {});
  EXPECT_EQ(both.metrics[2].value, train.loss);
  EXPECT_EQ(both.metrics[3].value, train.metrics[0].value);
  EXPECT_NE(both.metrics[3].value, both.metrics[0].value);
  // A player that would read test data and has none has no part in it.
  const EvaluationResult lacking = evaluate({{}, data(1000)}, {});
  ASSERT_EQ(lacking.metrics.size(), 1U);
  EXPECT_EQ(lacking.metrics[0].name, "generator.loss");
  EXPECT_EQ(lacking.loss, lacking.metrics[0].value);
}

// It stops as one model's run does, but only if none of the players moves.
TEST_F(SystemTrainerTest, StopsWhereNoPlayerMovesAnyMore) {
  Gan gan;
  for (const Parameter& parameter : gan.discriminator.parameters()) {
    at::Tensor(parameter.tensor).fill_(std::numeric_limits<double>::quiet_NaN());
  }
  const SkipNonFinite skips{.optimizer = GradientDescent{.step_size = 0.1}};
  gan.first = skips;
  const auto reasons_at = [](Trainer* trainer, int64_t until) {
    std::vector<StopReason> reasons;
    for (int64_t k = -1; k < until && reasons.empty();) {
      const auto boundary = trainer->Current();
      EXPECT_TRUE(boundary.ok()) << boundary.status();
      k = boundary->index;
      reasons = *trainer->StopReasons(std::nullopt);
      if (!reasons.empty() || k >= until) break;
      EXPECT_TRUE(trainer->Advance().ok());
    }
    return reasons;
  };
  // The other player steps, wherever to.
  auto one = MakeSystemTrainer({.system = gan.Options(), .agenda = {.iterations = 60}});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_TRUE(reasons_at(one->get(), 20).empty());
  gan.second = skips;
  const auto make = [&] {
    auto trainer = MakeSystemTrainer({.system = gan.Options(), .agenda = {.iterations = 60}});
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  };
  const auto both = make(), resumed = make();
  EXPECT_TRUE(reasons_at(both.get(), 9).empty());
  ASSERT_TRUE(both->Save(Path(0), 0, both->Snapshot()).ok());
  ASSERT_TRUE(resumed->Load(Path(0), "").ok());
  for (Trainer* trainer : {both.get(), resumed.get()}) {
    const std::vector<StopReason> reasons = reasons_at(trainer, 20);
    ASSERT_EQ(reasons.size(), 1U);
    EXPECT_EQ(trainer->Current()->index, 10);
    EXPECT_THAT(ToSentence(reasons), HasSubstr("stuck: no player moves any more (discriminator: "));
    EXPECT_THAT(ToSentence(reasons), HasSubstr("; generator: "));
  }
}

TEST_F(SystemTrainerTest, RefusesStopTestsOfOneSolution) {
  const Gan gan;
  const auto trainer =
      MakeSystemTrainer({.system = gan.Options(), .stop_when = {.gradient_max = 1e-3}});
  EXPECT_THAT(std::string(trainer.status().message()), HasSubstr("gradient_max: not of a system"));
}

}  // namespace
}  // namespace descent
