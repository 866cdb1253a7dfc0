#include "core/model/layers.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/relu.h"
#include "core/model/flatten.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ModelOptions SmallMlp() {
  return {.root = Sequential{{Flatten{},
                              {"hidden", Linear{.out_features = 8}},
                              Relu{},
                              {"out", Linear{.out_features = 3, .bias = false}}}},
          .input_shape = {2, 3}};
}

TEST(LayersTest, ShapesAreInferredAndSummarized) {
  const absl::StatusOr<BuiltModel> built = BuildModel(SmallMlp());
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_THAT(built->output_shape, ElementsAre(3));
  EXPECT_EQ(built->parameters, 6 * 8 + 8 + 8 * 3);
  EXPECT_EQ(built->parameter_bytes, 4 * built->parameters);
  EXPECT_EQ(built->model.parameter_count(), built->parameters);
  std::vector<std::string> lines, names;
  for (const LayerSummary& layer : built->layers) {
    lines.push_back(layer.name + " " + layer.kind + " " + ToString(layer.output_shape) + " " +
                    std::to_string(layer.parameters));
  }
  EXPECT_THAT(lines, ElementsAre("0 flatten [6] 0", "hidden linear [8] 56", "2 relu [8] 0",
                                 "out linear [3] 24", " sequential [3] 80"));
  for (const Parameter& parameter : built->model.parameters()) names.push_back(parameter.name);
  EXPECT_THAT(names, ElementsAre("hidden.weight", "hidden.bias", "out.weight"));
}

TEST(LayersTest, TheForwardPassIsThatOfTheLayers) {
  const absl::StatusOr<BuiltModel> built = BuildModel(SmallMlp());
  ASSERT_TRUE(built.ok()) << built.status();
  const auto p = built->model.parameters();
  const at::Tensor x = at::randn({5, 2, 3});
  const at::Tensor expected =
      at::linear(at::relu(at::linear(x.flatten(1), p[0].tensor, p[1].tensor)), p[2].tensor);
  EXPECT_TRUE(at::equal(built->model(x), expected));
  const Model copy = built->model;
  EXPECT_TRUE(at::equal(copy(x), expected));
  p[0].tensor.zero_();
  EXPECT_TRUE(at::equal(copy(x), expected));
}

TEST(LayersTest, TheStartingPointIsAFunctionOfTheSeed) {
  ModelOptions options = SmallMlp();
  options.seed = 7;
  const Model first = BuildModel(options)->model, second = BuildModel(options)->model;
  options.seed = 8;
  const Model other = BuildModel(options)->model;
  EXPECT_EQ(norm(first - second), 0);
  EXPECT_GT(norm(first - other), 0.1);
  // For the first layer the bound is ±1/√6.
  EXPECT_LE(first.parameters()[0].tensor.abs().max().item<double>(), 0.4083);
  EXPECT_GT(first.parameters()[0].tensor.abs().max().item<double>(), 0.3);
  EXPECT_LT(std::abs(first.parameters()[0].tensor.mean().item<double>()), 0.15);
}

TEST(LayersTest, TheMetaDeviceTakesNoMemory) {
  ModelOptions options = {
      .root = Sequential{{Linear{.out_features = 100'000}, Linear{.out_features = 10}}},
      .input_shape = {100'000},
      .device = at::kMeta,
      .memory_limit_bytes = int64_t{1} << 40};
  const absl::StatusOr<BuiltModel> built = BuildModel(options);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->parameters, 10'000'100'000 + 1'000'010);
}

TEST(LayersTest, Float64ModelsAreBuiltInFloat64) {
  ModelOptions options = SmallMlp();
  options.dtype = at::kDouble;
  const absl::StatusOr<BuiltModel> built = BuildModel(options);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->model.flat().buffers()[0].scalar_type(), at::kDouble);
  EXPECT_EQ(built->parameter_bytes, 8 * built->parameters);
}

std::string ErrorOf(LayerOptions root, Shape input_shape) {
  return BuildModel({.root = std::move(root), .input_shape = std::move(input_shape)})
      .status()
      .ToString();
}

TEST(LayersErrorTest, ShapesThatDontFitNameBothLayers) {
  EXPECT_THAT(ErrorOf(Sequential{{{"hidden", Linear{.out_features = 8}},
                                  Relu{},
                                  {"out", Linear{.in_features = 9, .out_features = 3}}}},
                      {4}),
              HasSubstr("layer `out` (linear) expects inputs of shape [9], but layer `1` (relu) "
                        "gives [8]"));
  EXPECT_THAT(ErrorOf(Sequential{{Linear{.in_features = 3, .out_features = 8}}}, {4}),
              HasSubstr("layer `0` (linear) expects inputs of shape [3], but the data give [4]"));
  EXPECT_THAT(
      ErrorOf(Sequential{{Linear{.in_features = 3, .out_features = 8}}}, {28, 28}),
      HasSubstr("layer `0` (linear) expects inputs of shape [28, 3], but the data give [28, 28]"));
  EXPECT_THAT(
      ErrorOf(Sequential{{{"body", Sequential{{Linear{.out_features = 2}}}},
                          Linear{.in_features = 3, .out_features = 1}}},
              {4}),
      HasSubstr("layer `1` (linear) expects inputs of shape [3], but layer `body` (sequential) "
                "gives [2]"));
}

TEST(LayersErrorTest, WrongOptionsNameTheLayer) {
  EXPECT_THAT(ErrorOf(Linear{.out_features = 0}, {4}),
              HasSubstr("the model (linear): out_features"));
  EXPECT_THAT(ErrorOf(Sequential{{{"a", Linear{.out_features = -3}}}}, {4}),
              HasSubstr("layer `a` (linear): out_features is -3"));
  EXPECT_THAT(ErrorOf(Sequential{{{"a", Relu{}}, {"a", Relu{}}}}, {4}),
              HasSubstr("the model (sequential): two of its layers are called `a`"));
  EXPECT_THAT(ErrorOf(Sequential{{Relu{}, {"0", Relu{}}}}, {4}), HasSubstr("are called `0`"));
  EXPECT_THAT(ErrorOf(Sequential{{{"a.b", Relu{}}}}, {4}), HasSubstr("may only have letters"));
  EXPECT_THAT(ErrorOf(Sequential{}, {4}),
              HasSubstr("the model (sequential): layers: give at least one"));
  EXPECT_THAT(ErrorOf(Relu{}, {4}), HasSubstr("no parameters to train"));
  EXPECT_THAT(ErrorOf(Linear{.out_features = 1}, {0}), HasSubstr("dimension below 1"));
}

TEST(LayersErrorTest, WhatDoesNotFitIntoMemoryIsRefused) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max() / 2;
  EXPECT_THAT(ErrorOf(Linear{.out_features = kHuge}, {4}), HasSubstr("too large"));
  EXPECT_THAT(ErrorOf(Sequential{{Flatten{}}}, {kHuge, 4}), HasSubstr("too many elements"));
  EXPECT_THAT(ErrorOf(Sequential{{Linear{.out_features = 1 << 30}, Linear{.out_features = 1 << 30},
                                  Linear{.out_features = 1 << 30}}},
                      {1 << 28}),
              HasSubstr("does not fit into"));
  ModelOptions options = SmallMlp();
  options.memory_limit_bytes = 80 * 4 * 4 - 1;
  EXPECT_EQ(BuildModel(options).status().code(), absl::StatusCode::kResourceExhausted);
  options.memory_limit_bytes = 80 * 4 * 4;
  EXPECT_TRUE(BuildModel(options).ok());
}

}  // namespace
}  // namespace descent
