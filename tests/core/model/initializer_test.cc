#include "core/model/initializer.h"

#include <cmath>
#include <cstdlib>
#include <string>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/eye.h"
#include "ATen/ops/randn.h"
#include "core/checkpoint/safetensors.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/sequential.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kIn = 300, kOut = 200;

absl::StatusOr<BuiltModel> Built(const Initializer& weight, uint64_t seed = 1) {
  return BuildModel(
      {.root = Sequential{{{"a", Linear{.out_features = kOut, .weight_init = weight}}}},
       .input_shape = {kIn},
       .dtype = at::kDouble,
       .seed = seed});
}

at::Tensor WeightOf(const Initializer& weight, uint64_t seed = 1) {
  const absl::StatusOr<BuiltModel> built = Built(weight, seed);
  EXPECT_TRUE(built.ok()) << built.status();
  return built->model.parameters()[0].tensor;
}

double Std(const at::Tensor& x) { return x.std().item<double>(); }
double Mean(const at::Tensor& x) { return x.mean().item<double>(); }
double Greatest(const at::Tensor& x) { return x.abs().max().item<double>(); }

TEST(InitializerTest, DrawsHaveTheMomentsOfTheirFormulas) {
  const auto expect = [](const Initializer& initializer, double mean, double std, double bound) {
    const at::Tensor w = WeightOf(initializer);
    EXPECT_NEAR(Mean(w), mean, 0.02 * std) << initializer.kind();
    EXPECT_NEAR(Std(w), std, 0.02 * std) << initializer.kind();
    if (bound == 0) return;
    EXPECT_LE(Greatest(w - mean), bound * 1.0000001) << initializer.kind();
    EXPECT_GE(Greatest(w - mean), bound * 0.99) << initializer.kind();
  };
  expect(UniformInitializer{.low = 1, .high = 3}, 2, 2 / std::sqrt(12), 1);
  expect(NormalInitializer{.mean = 3, .std = 0.5}, 3, 0.5, 0);
  // The standard deviation of a normal distribution on ±2 is 0.87963.
  expect(TruncatedNormalInitializer{.mean = 1, .std = 2}, 1, 2 * 0.87963, 4);
  expect(KaimingUniformInitializer{}, 0, std::sqrt(2.0 / kIn), std::sqrt(6.0 / kIn));
  expect(KaimingNormalInitializer{.gain = 1, .fan_out = true}, 0, std::sqrt(1.0 / kOut), 0);
  expect(XavierUniformInitializer{}, 0, std::sqrt(2.0 / (kIn + kOut)),
         std::sqrt(6.0 / (kIn + kOut)));
  expect(XavierNormalInitializer{.gain = 3}, 0, 3 * std::sqrt(2.0 / (kIn + kOut)), 0);
}

TEST(InitializerTest, AreFunctionsOfTheSeed) {
  for (const Initializer& initializer :
       {Initializer(NormalInitializer{}), Initializer(OrthogonalInitializer{}),
        Initializer(TruncatedNormalInitializer{}), Initializer(XavierUniformInitializer{})}) {
    EXPECT_TRUE(at::equal(WeightOf(initializer), WeightOf(initializer))) << initializer.kind();
    EXPECT_FALSE(at::equal(WeightOf(initializer), WeightOf(initializer, 2))) << initializer.kind();
  }
}

TEST(InitializerTest, DrawTheSameNumbersInEveryPrecision) {
  for (const Initializer& initializer :
       {Initializer(UniformInitializer{}), Initializer(NormalInitializer{.mean = 1}),
        Initializer(TruncatedNormalInitializer{.mean = 1, .std = 2}),
        Initializer(KaimingUniformInitializer{}), Initializer(KaimingNormalInitializer{}),
        Initializer(XavierUniformInitializer{}), Initializer(XavierNormalInitializer{}),
        Initializer(OrthogonalInitializer{}), Initializer(ConstantInitializer{.value = 0.1})}) {
    const auto drawn = [&](at::ScalarType dtype) {
      return BuildModel({.root = Linear{.out_features = kOut, .weight_init = initializer},
                         .input_shape = {kIn},
                         .dtype = dtype,
                         .seed = 1})
          ->model.parameters()[0]
          .tensor.to(at::kFloat);
    };
    const at::Tensor single = drawn(at::kFloat);
    EXPECT_TRUE(at::equal(drawn(at::kDouble), single)) << initializer.kind();
    EXPECT_LE(Greatest(drawn(at::kBFloat16) - single), 0.005 * Greatest(single))
        << initializer.kind();
  }
  // Where none is said, they are the layers' own.
  const auto start = [](at::ScalarType dtype) {
    return BuildModel({.root = Linear{.out_features = kOut},
                       .input_shape = {kIn},
                       .dtype = dtype,
                       .seed = 1})
        ->model;
  };
  const Model single = start(at::kFloat), exact = start(at::kDouble);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(
        at::equal(exact.parameters()[i].tensor.to(at::kFloat), single.parameters()[i].tensor));
  }
}

TEST(InitializerTest, OrthogonalRows) {
  const at::Tensor w = WeightOf(OrthogonalInitializer{.gain = 2});
  EXPECT_LE(Greatest(w.matmul(w.t()) - 4 * at::eye(kOut, at::kDouble)), 1e-12);
  const absl::StatusOr<BuiltModel> bias =
      BuildModel({.root = Linear{.out_features = 2, .bias_init = OrthogonalInitializer{}},
                  .input_shape = {2}});
  EXPECT_THAT(
      bias.status().ToString(),
      HasSubstr("its bias can't be initialized: orthogonal: a tensor of shape [2] is no matrix"));
}

TEST(InitializerTest, GivenNumbersAndFiles) {
  EXPECT_EQ(Greatest(WeightOf(ConstantInitializer{.value = 3}) - 3), 0);
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/weights.safetensors";
  const at::Tensor values = at::randn({kOut, kIn}, at::kDouble);
  ASSERT_TRUE(WriteSafetensors(
                  path, {.tensors = {{"a.weight", values}, {"small", values[0]}}, .metadata = {}})
                  .ok());
  EXPECT_TRUE(at::equal(WeightOf(FileInitializer{.path = path, .tensor = ""}), values));
  EXPECT_THAT(Built(FileInitializer{.path = path, .tensor = "b"}).status().ToString(),
              HasSubstr("has no tensor \"b\""));
  EXPECT_THAT(Built(FileInitializer{.path = path, .tensor = "small"}).status().ToString(),
              HasSubstr("is [300], but the parameter is [200, 300]"));
  EXPECT_FALSE(Built(FileInitializer{.path = "/none", .tensor = ""}).ok());
}

TEST(InitializerTest, NumbersOutOfRangeNameTheField) {
  EXPECT_THAT(
      Built(NormalInitializer{.std = -1}).status().ToString(),
      HasSubstr("layer `a` (linear): its weight can't be initialized: std: -1 is negative"));
  EXPECT_THAT(Built(UniformInitializer{.low = 2, .high = 1}).status().ToString(),
              HasSubstr("high: 1 is too small; give a number ≥ low, which is 2"));
}

}  // namespace
}  // namespace descent
