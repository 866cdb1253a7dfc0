// Tests what convolution, pooling, embeddings, attention and recurrent layers refuse, and their
// edge cases.
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "ATen/core/Tensor.h"
#include "ATen/ops/full.h"
#include "ATen/ops/randn.h"
#include "core/data/batch.h"
#include "core/model/attention.h"
#include "core/model/conv.h"
#include "core/model/embedding.h"
#include "core/model/flatten.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/max_pool.h"
#include "core/model/mean_pool.h"
#include "core/model/recurrent.h"
#include "core/model/sequential.h"
#include "core/objective/gradient.h"
#include "core/objective/loss.h"
#include "core/objective/supervised_objective.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

// Gives the error for a layer called `it`; empty if there is none.
template <class Options>
std::string Message(Options options, Shape input,
                    std::optional<at::ScalarType> input_dtype = std::nullopt) {
  const auto built = BuildModel({.root = Sequential{{LayerOptions("it", std::move(options))}},
                                 .input_shape = std::move(input),
                                 .input_dtype = input_dtype});
  return built.ok() ? "" : std::string(built.status().message());
}

TEST(ConvTest, NamesTheLayerAndBothShapes) {
  EXPECT_EQ(Message(Conv2d{.out_channels = 2, .kernel_size = {3}}, {28, 28}),
            "layer `it` (conv2d) expects inputs of shape [channels, height, width] (put a reshape "
            "layer before it), but the data give [28, 28]");
  EXPECT_EQ(Message(Conv1d{.out_channels = 2, .kernel_size = 3, .dilation = 4}, {2, 8}),
            "layer `it` (conv1d) has windows of [9], larger than its padded input of [8], but the "
            "data give [2, 8]");
  EXPECT_EQ(Message(Conv2d{.in_channels = 3, .out_channels = 2, .kernel_size = {3}}, {1, 9, 9}),
            "layer `it` (conv2d) expects 3 channels, but the data give [1, 9, 9]");
  EXPECT_EQ(Message(Conv2d{.out_channels = 4, .kernel_size = {3}, .groups = 2}, {3, 9, 9}),
            "layer `it` (conv2d) has 2 groups of channels, but the data give [3, 9, 9]");
}

TEST(ConvTest, NamesTheOption) {
  EXPECT_EQ(Message(Conv2d{.out_channels = 3, .kernel_size = {3}, .groups = 2}, {2, 9, 9}),
            "layer `it` (conv2d): groups is 2; give a number that divides out_channels (3)");
  EXPECT_EQ(
      Message(Conv2d{.out_channels = 3, .kernel_size = {3, 3, 3}}, {2, 9, 9}),
      "layer `it` (conv2d): kernel_size has 3 numbers; give one for all dimensions or one for "
      "each");
  EXPECT_EQ(Message(Conv1d{.out_channels = 3, .kernel_size = 3, .stride = 2, .same_padding = true},
                    {2, 9}),
            "layer `it` (conv1d): same_padding goes with a stride of 1");
  EXPECT_EQ(
      Message(Conv1d{.out_channels = 3, .kernel_size = 3, .padding = int64_t{1} << 40}, {2, 9}),
      "layer `it` (conv1d): padding is 1099511627776; give a number ≤ 1048576");
}

TEST(PoolTest, NamesWhatDoesNotFit) {
  EXPECT_EQ(
      Message(MaxPool2d{.kernel_size = {2}, .padding = {2}}, {1, 4, 4}),
      "layer `it` (max_pool2d): padding is 2; give at most half of kernel_size (2), so that no "
      "window is empty");
  EXPECT_EQ(Message(AvgPool1d{.kernel_size = 5}, {1, 4}),
            "layer `it` (avg_pool1d) has windows of [5], larger than its padded input of [4], but "
            "the data give [1, 4]");
}

TEST(PoolTest, NanStaysAndNothingIsLostBelowEverything) {
  const auto built = BuildModel({.root = Sequential{{Conv1d{.out_channels = 1, .kernel_size = 1},
                                                     MaxPool1d{.kernel_size = 3}}},
                                 .input_shape = {1, 6}});
  ASSERT_TRUE(built.ok()) << built.status();
  at::Tensor x = at::full({1, 1, 6}, -std::numeric_limits<float>::infinity());
  const auto value = [&] {
    SupervisedObjective objective(mean_squared_error(),
                                  [&](int64_t) { return Batch{x, at::full({1, 1, 2}, 0.0F)}; });
    return gradient(objective, built->model).value;
  };
  EXPECT_TRUE(std::isinf(value()));
  x = at::full({1, 1, 6}, 1.0F);
  EXPECT_FALSE(std::isnan(value()));
  x[0][0][1] = std::nan("");
  EXPECT_TRUE(std::isnan(value()));
}

TEST(EmbeddingTest, TakesIndicesAlone) {
  EXPECT_EQ(Message(Embedding{.num_embeddings = 3, .embedding_dim = 2}, {4}),
            "layer `it` (embedding) expects indices (whole numbers, as a text has) and not real "
            "numbers, but the data give [4]");
}

TEST(EmbeddingTest, AnIndexOutOfRangeIsNamed) {
  const auto built =
      BuildModel({.root = Sequential{{Embedding{.num_embeddings = 3, .embedding_dim = 2}, Flatten{},
                                      Linear{.out_features = 1}}},
                  .input_shape = {2},
                  .input_dtype = at::kLong});
  ASSERT_TRUE(built.ok()) << built.status();
  SupervisedObjective objective(mean_squared_error(), [](int64_t) {
    return Batch{at::full({1, 2}, 3, at::kLong), at::full({1, 1}, 0.0F)};
  });
  try {
    gradient(objective, built->model);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(),
                 "embedding: index 3 is out of range; there are 3 embeddings (num_embeddings)");
  }
}

TEST(EmbeddingTest, PositionsMustSuffice) {
  EXPECT_EQ(
      Message(PositionalEmbedding{.max_length = 4}, {5, 2}),
      "layer `it` (positional_embedding) has 4 places (max_length), but the data give [5, 2]");
}

TEST(AttentionTest, HeadsDivideTheFeatures) {
  EXPECT_EQ(Message(MultiHeadAttention{.num_heads = 4}, {5, 6}),
            "layer `it` (multi_head_attention) has 4 heads, which must divide the number of "
            "features, but the data give [5, 6]");
  EXPECT_EQ(Message(MultiHeadAttention{.num_heads = 2}, {6}),
            "layer `it` (multi_head_attention) expects inputs of shape [time, features], but the "
            "data give [6]");
}

// What comes later changes nothing before it.
TEST(AttentionTest, CausalDoesNotLookAhead) {
  const auto built = BuildModel(
      {.root = MultiHeadAttention{.num_heads = 2, .causal = true}, .input_shape = {5, 4}});
  ASSERT_TRUE(built.ok()) << built.status();
  at::Tensor x = at::randn({1, 5, 4});
  const at::Tensor before = built->model(x).clone();
  x[0][3].fill_(7);
  const at::Tensor after = built->model(x);
  EXPECT_TRUE(after.narrow(1, 0, 3).equal(before.narrow(1, 0, 3)));
  EXPECT_FALSE(after.narrow(1, 3, 2).equal(before.narrow(1, 3, 2)));
}

TEST(RecurrentTest, NamesTheLayerAndBothShapes) {
  EXPECT_EQ(Message(Lstm{.hidden_size = 4}, {6}),
            "layer `it` (lstm) expects inputs of shape [time, features], but the data give [6]");
  EXPECT_EQ(Message(Gru{.hidden_size = 4, .num_layers = 5000}, {6, 2}),
            "layer `it` (gru): num_layers is 5000; give a number ≤ 1000");
}

}  // namespace
}  // namespace descent
