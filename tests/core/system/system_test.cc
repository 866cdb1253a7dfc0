#include "core/system/system.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/data/batches.h"
#include "core/data/random_seed.h"
#include "core/model/batch_norm.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/sequential.h"
#include "core/model/tanh.h"
#include "core/objective/binary_cross_entropy.h"
#include "core/objective/mean_squared_error.h"
#include "core/optimizer/accumulate.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/freeze.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/grouped.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/weight_decay.h"
#include "core/sequence/cosine.h"
#include "core/train/system_trainer.h"
#include "tests/core/data/temporary_folder.h"

namespace descent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kSeed = 7;

Model Net(int64_t inputs, int64_t outputs, uint64_t seed, bool normalized = false,
          at::Device device = at::kCPU) {
  std::vector<LayerOptions> layers = {Linear{.out_features = 8}};
  if (normalized) layers.push_back(BatchNorm{});
  layers.push_back(Tanh{});
  layers.push_back(Linear{.out_features = outputs});
  auto built = BuildModel({.root = Sequential{layers},
                           .input_shape = {inputs},
                           .dtype = at::kDouble,
                           .device = device,
                           .seed = seed});
  EXPECT_TRUE(built.ok()) << built.status();
  return built->model;
}

Batch BatchOf(int64_t k) {
  at::manual_seed(static_cast<uint64_t>(100 + k));
  const at::Tensor x = at::rand({16, 2}, at::kDouble);
  return {x, x.sum(1, /*keepdim=*/true)};
}

// This is a GAN of two players.
struct Gan {
  Model discriminator = Net(2, 1, 1), generator = Net(3, 2, 2);
  OptimizerOptions first = GradientDescent{.step_size = 0.1};
  OptimizerOptions second = GradientDescent{.step_size = 0.05};
  Turns turns = Turns::kAlternating;
  std::optional<Sequence> weight = {};

  SystemOptions Options() const {
    const Loss bce = BinaryCrossEntropyWithLogits{};
    const Noise noise{.shape = {3}};
    PlayerTerms d{.player = "discriminator", .terms = {}, .batches = BatchOf};
    d.terms.push_back({.name = "real",
                       .through = {0},
                       .loss = bce,
                       .target = TermTarget::kConstant,
                       .constant = 1});
    d.terms.push_back({.name = "fake",
                       .noise = noise,
                       .through = {1, 0},
                       .loss = bce,
                       .target = TermTarget::kConstant,
                       .constant = 0,
                       .weight = weight});
    PlayerTerms g{.player = "generator", .terms = {}, .batches = {}, .batch_size = 16};
    g.terms.push_back({.name = "deceive",
                       .noise = noise,
                       .through = {1, 0},
                       .loss = bce,
                       .target = TermTarget::kConstant,
                       .constant = 1});
    return {.players = {{&discriminator, first, d}, {&generator, second, g}},
            .turns = turns,
            .seed = kSeed};
  }

  std::unique_ptr<System> Make() const {
    auto system = System::Create(Options());
    EXPECT_TRUE(system.ok()) << system.status();
    return *std::move(system);
  }
};

// This is the same GAN, trained by a loop written by hand.
struct ByHand {
  Model d, g;
  double fake_weight = 1;

  at::Tensor Noises(size_t player, int64_t k) const {
    const SystemOptions options = Gan().Options();
    const PlayerTerms& terms = options.players[player].terms;
    const PlayerTerm& term = terms.terms.back();
    return TermInputs(term, {}, 16, DeriveSeed(kSeed, "noise/" + terms.player + "/" + term.name, 0),
                      k, at::TensorOptions(at::kDouble));
  }
  static at::Tensor Bce(const at::Tensor& scores, double target) {
    return at::binary_cross_entropy_with_logits(scores, at::full_like(scores, target));
  }
  auto GradientD(int64_t k) const {
    auto objective = [&](const Model& x) {
      return Bce(x(BatchOf(k).inputs), 1) + fake_weight * Bce(x(g(Noises(0, k))), 0);
    };
    return gradient(objective, d);
  }
  auto GradientG(int64_t k) const {
    auto objective = [&](const Model& x) { return Bce(d(x(Noises(1, k))), 1); };
    return gradient(objective, g);
  }
};

double Distance(const Model& x, const Model& y) { return norm(x - y); }

TEST(System, AlternatingPlayersSeeEachOthersNewSolutions) {
  const Gan gan;
  const auto system = gan.Make();
  ByHand hand{gan.discriminator, gan.generator};
  for (int64_t k = 0; k < 20; ++k) {
    const auto it = system->current();
    ASSERT_TRUE(it.ok()) << it.status();
    ASSERT_EQ(it->index, k);
    EXPECT_LT(Distance(it->players[0].solution, hand.d), 1e-12);
    EXPECT_LT(Distance(it->players[1].solution, hand.g), 1e-12);
    const auto at_d = hand.GradientD(k), at_g = hand.GradientG(k);
    EXPECT_NEAR(it->players[0].value, at_d.value, 1e-12);
    EXPECT_NEAR(it->players[1].value, at_g.value, 1e-12);
    EXPECT_NEAR(it->value, at_d.value + at_g.value, 1e-12);
    EXPECT_NEAR(it->gradient_norm, std::hypot(norm(at_d.gradient), norm(at_g.gradient)), 1e-12);
    axpy(-0.1, at_d.gradient, hand.d);
    axpy(-0.05, hand.GradientG(k).gradient, hand.g);
    ASSERT_TRUE(system->advance().ok());
  }
}

TEST(System, TheGpuComputesTheSame) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  const Gan gan;
  Model discriminator = Net(2, 1, 1, false, at::kCUDA), generator = Net(3, 2, 2, false, at::kCUDA);
  SystemOptions options = gan.Options();
  options.players[0].starting_point = &discriminator;
  options.players[1].starting_point = &generator;
  options.players[0].terms.batches = [](int64_t k) {
    const Batch batch = BatchOf(k);
    return Batch{batch.inputs.to(at::kCUDA), batch.targets.to(at::kCUDA)};
  };
  const auto on_cpu = gan.Make();
  const auto on_gpu = System::Create(options);
  ASSERT_TRUE(on_gpu.ok()) << on_gpu.status();
  for (int64_t k = 0; k < 20; ++k) {
    const auto here = on_cpu->current(), there = (*on_gpu)->current();
    ASSERT_TRUE(there.ok()) << there.status();
    EXPECT_NEAR(there->value, here->value, 1e-9);
    EXPECT_NEAR(there->gradient_norm, here->gradient_norm, 1e-9);
    ASSERT_TRUE(on_cpu->advance().ok());
    ASSERT_TRUE((*on_gpu)->advance().ok());
  }
  const Batch batch = BatchOf(0);
  const std::vector<std::pair<at::Tensor, at::Tensor>> data{{batch.inputs, batch.targets}, {}};
  const auto here = on_cpu->Evaluate(data), there = (*on_gpu)->Evaluate(data);
  ASSERT_TRUE(there.ok()) << there.status();
  for (size_t p = 0; p < 2; ++p) EXPECT_NEAR((*there)[p].value(), (*here)[p].value(), 1e-9);
}

TEST(System, JointPlayersMoveAtOnce) {
  const Gan gan{.turns = Turns::kJoint};
  const auto system = gan.Make();
  ByHand hand{gan.discriminator, gan.generator};
  for (int64_t k = 0; k < 20; ++k) {
    const auto it = system->current();
    ASSERT_TRUE(it.ok()) << it.status();
    EXPECT_LT(Distance(it->players[0].solution, hand.d), 1e-12);
    EXPECT_LT(Distance(it->players[1].solution, hand.g), 1e-12);
    const auto at_d = hand.GradientD(k), at_g = hand.GradientG(k);
    axpy(-0.1, at_d.gradient, hand.d);
    axpy(-0.05, at_g.gradient, hand.g);
    ASSERT_TRUE(system->advance().ok());
  }
}

// An encoder and a decoder have one loss: joint steps on the sum are those of one model.
TEST(System, ASummedLossIsOneLossOfAllModels) {
  Model encoder = Net(2, 1, 3), decoder = Net(1, 2, 4);
  PlayerTerms e{.player = "encoder", .terms = {}, .batches = BatchOf};
  e.terms.push_back({.name = "error",
                     .through = {0, 1},
                     .loss = MeanSquaredError{},
                     .target = TermTarget::kInputs});
  PlayerTerms d{.player = "decoder", .terms = {}, .batches = BatchOf};
  d.terms.push_back({.name = "codes", .through = {0}, .loss = MeanSquaredError{}, .weight = 0.01});
  auto system = System::Create({.players = {{&encoder, GradientDescent{.step_size = 0.1}, e},
                                            {&decoder, GradientDescent{.step_size = 0.1}, d}},
                                .turns = Turns::kJoint,
                                .summed = true});
  ASSERT_TRUE(system.ok()) << system.status();
  double first = 0;
  for (int64_t k = 0; k < 300; ++k) {
    const auto it = (*system)->current();
    ASSERT_TRUE(it.ok()) << it.status();
    const Batch batch = BatchOf(k);
    const auto error = [&](const Model& a, const Model& b) {
      const at::Tensor code = a(batch.inputs);
      return at::mse_loss(b(code), batch.inputs) + 0.01 * at::mse_loss(code, batch.targets);
    };
    if (k < 10) {
      auto of_encoder = [&](const Model& x) { return error(x, decoder); };
      auto of_decoder = [&](const Model& x) { return error(encoder, x); };
      const auto ge = gradient(of_encoder, encoder), gd = gradient(of_decoder, decoder);
      EXPECT_NEAR(it->value, ge.value, 1e-12);
      EXPECT_LT(Distance(it->players[0].gradient, ge.gradient), 1e-12);
      EXPECT_LT(Distance(it->players[1].gradient, gd.gradient), 1e-12);
      axpy(-0.1, ge.gradient, encoder);
      axpy(-0.1, gd.gradient, decoder);
    }
    if (k == 0) first = it->value;
    if (k == 299) {
      EXPECT_LT(it->value, first / 2);
    }
    ASSERT_TRUE((*system)->advance().ok());
  }
}

TEST(System, APlayersRunningAveragesAreItsOwn) {
  Gan gan;
  gan.generator = Net(3, 2, 2, /*normalized=*/true);
  const auto system = gan.Make();
  const ByHand hand{gan.discriminator, gan.generator};
  // It is moved by one batch an iteration, whoever else has the generator compute.
  Model moved = gan.generator;
  for (int64_t k = 0; k < 4; ++k) {
    const auto it = system->current();
    ASSERT_TRUE(it.ok()) << it.status();
    Model now = it->players[1].solution;
    for (size_t i = 0; i < now.states().size(); ++i) {
      now.states()[i].tensor.copy_(moved.states()[i].tensor);
    }
    now(hand.Noises(1, k), Pass{.training = true, .iteration = k});
    moved = now;
    ASSERT_FALSE(moved.states().empty());
    for (size_t i = 0; i < moved.states().size(); ++i) {
      EXPECT_TRUE(at::allclose(moved.states()[i].tensor, it->players[1].solution.states()[i].tensor,
                               1e-12, 1e-12))
          << moved.states()[i].name << " at " << k;
    }
    ASSERT_TRUE(system->advance().ok());
  }
}

TEST(System, APlayersFrozenParametersStayAndCountNowhere) {
  Gan gan;
  const Grouped<Adam> grouped{.optimizer = Adam{.step_size = 0.01},
                              .groups = {{.name = "still", .pattern = "2.*", .frozen = true}}};
  gan.first = DecoupledWeightDecay{.weight_decay = 0.5, .optimizer = grouped};
  const Freeze inside{.pattern = "*.bias", .optimizer = Adam{.step_size = 0.01}};
  gan.second = DecoupledWeightDecay{.weight_decay = 0.5, .optimizer = inside};
  for (const Turns turns : {Turns::kAlternating, Turns::kJoint}) {
    gan.turns = turns;
    const std::unique_ptr<System> system = gan.Make();
    for (int k = 0; k < 6; ++k) {
      const auto it = system->current();
      ASSERT_TRUE(it.ok()) << it.status();
      double squares = 0;
      for (size_t p = 0; p < 2; ++p) {
        const Model& start = p == 0 ? gan.discriminator : gan.generator;
        const ModelRun::View& player = it->players[p];
        for (size_t i = 0; i < start.parameters().size(); ++i) {
          const std::string& name = start.parameters()[i].name;
          const bool frozen = p == 0 ? name.starts_with("2.") : name.ends_with(".bias");
          const bool moved =
              !at::equal(player.solution.parameters()[i].tensor, start.parameters()[i].tensor);
          EXPECT_EQ(moved, !frozen && k > 0) << p << " " << name << " " << k;
          const double norm = player.gradient.parameters()[i].tensor.norm().item<double>();
          EXPECT_EQ(norm == 0, frozen) << p << " " << name << " " << k;
          squares += norm * norm;
        }
      }
      EXPECT_NEAR(it->gradient_norm, std::sqrt(squares), 1e-12);
      ASSERT_TRUE(system->advance().ok());
    }
  }
}

TEST(System, RefusesWhatDoesNotGoTogether) {
  const auto error = [](const auto& change) {
    const Gan gan;
    SystemOptions options = gan.Options();
    change(&options);
    return std::string(System::Create(std::move(options)).status().message());
  };
  EXPECT_THAT(error([](auto* o) { o->players.clear(); }), HasSubstr("at least one"));
  EXPECT_THAT(error([](auto* o) { o->players[1].terms.player = "discriminator"; }),
              HasSubstr("name of its own"));
  EXPECT_THAT(error([](auto* o) { o->players[0].terms.batches = {}; }),
              HasSubstr("player discriminator: term `real` reads data"));
  EXPECT_THAT(error([](auto* o) { o->players[0].terms.terms[0].through = {2}; }),
              HasSubstr("give the players that it goes through"));
  EXPECT_THAT(error([](auto* o) { o->players[1].optimizer = GradientDescent{.step_size = -1}; }),
              HasSubstr("player generator: step_size"));
}

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
