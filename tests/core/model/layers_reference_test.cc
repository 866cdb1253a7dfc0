// Compares layers with torch.nn's (tests/data/layers.py) in float64: outputs, and the gradient of
// mean(y²) by plan and by autograd.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/zeros_like.h"
#include "core/data/batch.h"
#include "core/model/attention.h"
#include "core/model/conv.h"
#include "core/model/layers.h"
#include "core/model/max_pool.h"
#include "core/model/mean_pool.h"
#include "core/model/recurrent.h"
#include "core/model/sequential.h"
#include "core/objective/gradient.h"
#include "core/objective/loss.h"
#include "core/objective/supervised_objective.h"
#include "core/space/tensor_space.h"
#include "gtest/gtest.h"
#include "tests/data/reference.h"

namespace descent {
namespace {

constexpr double kTolerance = 1e-12;

struct Case {
  std::string name;
  LayerOptions root;
};

std::vector<Case> Cases() {
  return {
      {"conv1d", Conv1d{.out_channels = 6,
                        .kernel_size = 3,
                        .stride = 2,
                        .padding = 2,
                        .dilation = 2,
                        .groups = 2}},
      {"conv1d_same", Conv1d{.out_channels = 3, .kernel_size = 4, .same_padding = true}},
      {"conv2d", Conv2d{.out_channels = 3, .kernel_size = {3}, .padding = {1}}},
      {"conv2d_strides", Conv2d{.out_channels = 3,
                                .kernel_size = {2, 3},
                                .stride = {1, 2},
                                .padding = {0, 2},
                                .dilation = {2, 1}}},
      {"conv2d_same",
       Conv2d{.out_channels = 2, .kernel_size = {4, 3}, .bias = false, .same_padding = true}},
      {"conv2d_point", Conv2d{.out_channels = 2, .kernel_size = {1}, .groups = 2}},
      {"max_pool2d", Sequential{{Conv2d{.out_channels = 2, .kernel_size = {3}, .padding = {1}},
                                 MaxPool2d{.kernel_size = {2}}}}},
      {"max_pool1d", Sequential{{Conv1d{.out_channels = 2, .kernel_size = 3},
                                 MaxPool1d{.kernel_size = 3, .stride = 2, .padding = 1}}}},
      {"avg_pool2d", Sequential{{Conv2d{.out_channels = 2, .kernel_size = {3}},
                                 AvgPool2d{.kernel_size = {3}, .stride = {2}, .padding = {1}}}}},
      {"avg_pool1d",
       Sequential{{Conv1d{.out_channels = 2, .kernel_size = 3}, AvgPool1d{.kernel_size = 2}}}},
      {"adaptive_avg_pool2d", Sequential{{Conv2d{.out_channels = 2, .kernel_size = {3}},
                                          AdaptiveAvgPool2d{.output_size = {3, 2}}}}},
      {"adaptive_avg_pool1d",
       Sequential{{Conv1d{.out_channels = 2, .kernel_size = 3}, AdaptiveAvgPool1d{}}}},
      {"attention", MultiHeadAttention{.num_heads = 2}},
      {"causal", MultiHeadAttention{.num_heads = 3, .causal = true, .bias = false}},
      {"lstm", Lstm{.hidden_size = 4}},
      {"lstm_last", Lstm{.hidden_size = 4, .num_layers = 2, .last_only = true}},
      {"gru", Gru{.hidden_size = 4}},
      {"gru_last", Gru{.hidden_size = 4, .num_layers = 2, .last_only = true}},
  };
}

class LayersReferenceTest : public testing::TestWithParam<Case> {
 protected:
  static const at::Tensor& Reference(const std::string& name) {
    static const std::map<std::string, at::Tensor>& reference = *[] {
      auto* tensors = new std::map<std::string, at::Tensor>();
      ReadReference("tests/data/layers.txt", *tensors);
      return tensors;
    }();
    return reference.at(GetParam().name + "/" + name);
  }
};

void ExpectNear(const at::Tensor& actual, const at::Tensor& expected, const std::string& what) {
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  EXPECT_LE(norm(actual - expected), kTolerance * norm(expected)) << what;
}

TEST_P(LayersReferenceTest, IsThatOfTorch) {
  const at::Tensor& x = Reference("x");
  auto built = BuildModel(
      {.root = GetParam().root, .input_shape = x.sizes().slice(1).vec(), .dtype = at::kDouble});
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_TRUE(built->layers.back().plan);
  for (const Parameter& parameter : built->model.parameters()) {
    parameter.tensor.copy_(Reference("parameter/" + parameter.name));
  }
  const at::Tensor& y = Reference("y");
  ExpectNear(built->model(x), y, "y");
  for (const bool plan : {false, true}) {
    Loss loss = mean_squared_error();
    if (!plan) loss.plan = nullptr;
    SupervisedObjective objective(loss, [&](int64_t) { return Batch{x, at::zeros_like(y)}; });
    const auto [gradient, value] = descent::gradient(objective, built->model);
    EXPECT_NEAR(value, y.square().mean().item<double>(), kTolerance);
    for (const Parameter& slope : gradient.parameters()) {
      ExpectNear(slope.tensor, Reference("slope/" + slope.name), slope.name);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, LayersReferenceTest, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace descent
