// A small GAN, the system that these tests train.
#ifndef DESCENT_TESTS_CORE_SYSTEM_GAN_H_
#define DESCENT_TESTS_CORE_SYSTEM_GAN_H_

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/data/batches.h"
#include "core/model/batch_norm.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/sequential.h"
#include "core/model/tanh.h"
#include "core/objective/binary_cross_entropy.h"
#include "core/optimizer/gradient_descent.h"
#include "core/system/system.h"

namespace descent {

inline constexpr uint64_t kSeed = 7;

inline Model Net(int64_t inputs, int64_t outputs, uint64_t seed, bool normalized = false,
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

inline Batch BatchOf(int64_t k) {
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

}  // namespace descent

#endif  // DESCENT_TESTS_CORE_SYSTEM_GAN_H_
