// Several models that are trained together, against loops written by hand.

#include "core/system/system.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/data/batches.h"
#include "core/data/random_seed.h"
#include "core/model/layers.h"
#include "core/objective/mean_squared_error.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/freeze.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/grouped.h"
#include "core/optimizer/weight_decay.h"
#include "tests/core/system/gan.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace descent
