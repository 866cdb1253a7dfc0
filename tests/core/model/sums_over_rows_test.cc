// Tests what float32 loses in sums over many rows: no more than twice what LibTorch's own kernels
// do.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/abs.h"
#include "ATen/ops/max.h"
#include "ATen/ops/randint.h"
#include "ATen/ops/randn.h"
#include "core/model/attention.h"
#include "core/model/batch_norm.h"
#include "core/model/conv.h"
#include "core/model/embedding.h"
#include "core/model/flatten.h"
#include "core/model/group_norm.h"
#include "core/model/layer_norm.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/mean_pool.h"
#include "core/model/recurrent.h"
#include "core/model/sequential.h"
#include "core/objective/gradient.h"
#include "core/objective/loss.h"
#include "core/objective/supervised_objective.h"
#include "gtest/gtest.h"
#include "tests/core/model/inner_product.h"

namespace descent {
namespace {

struct Case {
  std::string name;
  LayerOptions layer;
  Shape input;
  std::set<std::string> sums;  // parameters whose derivatives are sums over rows, by their endings
  int64_t rows = 20000;
  int64_t indices = 0;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> Cases() {
  return {
      {"linear", Linear{.out_features = 6}, {3}, {"bias"}},
      {"linear_of_sequences", Linear{.out_features = 6}, {10, 3}, {"bias"}, 2000},
      {"conv", Conv2d{.out_channels = 4, .kernel_size = {2}}, {2, 4, 4}, {"bias"}, 5000},
      {"attention", MultiHeadAttention{.num_heads = 1}, {4, 4}, {"bias"}, 5000},
      {"lstm", Lstm{.hidden_size = 3}, {2, 3}, {"bias_ih_l0", "bias_hh_l0"}, 10000},
      {"gru", Gru{.hidden_size = 3}, {2, 3}, {"bias_ih_l0", "bias_hh_l0"}, 10000},
      {"embedding", Embedding{.num_embeddings = 2, .embedding_dim = 5}, {1}, {"weight"}, 20000, 2},
      {"positional_embedding", PositionalEmbedding{}, {3, 4}, {"weight"}},
      {"batch_norm", BatchNorm{}, {5}, {"weight", "bias"}},
      {"batch_norm_of_images", BatchNorm{}, {3, 2, 2}, {"weight", "bias"}, 5000},
      {"layer_norm", LayerNorm{}, {6}, {"weight", "bias"}},
      {"group_norm", GroupNorm{.groups = 2}, {6}, {"weight", "bias"}},
      {"global_mean",
       Sequential{{Conv2d{.out_channels = 2, .kernel_size = {1}}, AdaptiveAvgPool2d{}}},
       {1, 100, 100},
       {"bias"},
       2},
  };
}

class SumsOverRowsTest : public ::testing::TestWithParam<Case> {};

TEST_P(SumsOverRowsTest, AreAsExactAsLibTorchs) {
  const Case& c = GetParam();
  Shape inputs = c.input;
  inputs.insert(inputs.begin(), c.rows);
  at::manual_seed(11);
  // The numbers have one sign, so that sums grow, and what is added to them loses its last bits.
  const at::Tensor x = c.indices > 0 ? at::randint(0, c.indices, inputs, at::kLong)
                                     : at::randn(inputs, at::kFloat) + 1;
  const auto built = [&](at::ScalarType dtype) {
    return *BuildModel({.root = Sequential{{c.layer}},
                        .input_shape = c.input,
                        .input_dtype = c.indices > 0 ? std::optional(at::kLong) : std::nullopt,
                        .dtype = dtype,
                        .seed = 3});
  };
  const BuiltModel single = built(at::kFloat);
  Shape outputs = single.output_shape;
  outputs.insert(outputs.begin(), c.rows);
  const at::Tensor v = at::randn(outputs, at::kFloat).abs() + 0.5;
  ASSERT_TRUE(single.layers.back().plan);

  const auto gradient_of = [&](const Model& model, at::ScalarType dtype, bool plan) {
    Loss loss = InnerProduct();
    if (!plan) loss.plan = nullptr;
    const Batch batch{c.indices > 0 ? x : x.to(dtype), v.to(dtype)};
    SupervisedObjective objective(loss, [batch](int64_t) { return batch; });
    return gradient(objective, model).gradient;
  };
  const Model doubled = built(at::kDouble).model;
  for (size_t i = 0; i < doubled.parameters().size(); ++i) {
    doubled.parameters()[i].tensor.copy_(single.model.parameters()[i].tensor);
  }
  const Model exact = gradient_of(doubled, at::kDouble, false);
  const Model planned = gradient_of(single.model, at::kFloat, true);
  const Model recorded = gradient_of(single.model, at::kFloat, false);
  int looked_at = 0;
  for (size_t i = 0; i < exact.parameters().size(); ++i) {
    const std::string& name = exact.parameters()[i].name;
    const std::string last = name.substr(name.rfind('.') + 1);
    if (std::ranges::none_of(c.sums, [&](const auto& end) { return last.ends_with(end); }))
      continue;
    ++looked_at;
    const at::Tensor expected = exact.parameters()[i].tensor;
    const auto error = [&](const Model& g) {
      return ((g.parameters()[i].tensor.to(at::kDouble) - expected).abs().max() /
              expected.abs().max())
          .item<double>();
    };
    // The sum is rounded once, and what is summed was: four roundings are what serial sums of so
    // many rows exceed several times over.
    EXPECT_LE(error(planned), std::max(2 * error(recorded), 2.5e-7)) << name;
  }
  EXPECT_GT(looked_at, 0);
}

INSTANTIATE_TEST_SUITE_P(Layers, SumsOverRowsTest, ::testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

// The moments are of 20,000 rows of numbers that are far from 0.
TEST(SumsOverRows, BatchNormsMomentsAreExact) {
  at::manual_seed(1);
  const at::Tensor x = at::randn({20000, 3}, at::kFloat) + 100;
  const auto built =
      BuildModel({.root = Sequential{{BatchNorm{.momentum = 1}}}, .input_shape = {3}, .seed = 3});
  ASSERT_TRUE(built.ok()) << built.status();
  SupervisedObjective objective(InnerProduct(), [&](int64_t) { return Batch{x, x}; });
  gradient(objective, built->model);
  const at::Tensor mean = built->model.states()[0].tensor, var = built->model.states()[1].tensor;
  const at::Tensor exact = x.to(at::kDouble);
  EXPECT_LE(((mean - exact.mean(0)) / exact.mean(0)).abs().max().item<double>(), 1e-7);
  EXPECT_LE(((var - exact.var(0)) / exact.var(0)).abs().max().item<double>(), 1e-6);
}

}  // namespace
}  // namespace descent
