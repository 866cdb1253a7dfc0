// Tests every kind of layer: its plan against autograd, and both against central differences.
//
// A new layer is one line in `Cases`.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/Context.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/add.h"
#include "ATen/ops/randint.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/sum.h"
#include "core/device/device.h"
#include "core/fields/fields.h"
#include "core/model/attention.h"
#include "core/model/batch_norm.h"
#include "core/model/conv.h"
#include "core/model/dropout.h"
#include "core/model/embedding.h"
#include "core/model/flatten.h"
#include "core/model/gelu.h"
#include "core/model/graph.h"
#include "core/model/group_norm.h"
#include "core/model/layer_kinds.h"
#include "core/model/layer_norm.h"
#include "core/model/layers.h"
#include "core/model/leaky_relu.h"
#include "core/model/linear.h"
#include "core/model/max_pool.h"
#include "core/model/mean_pool.h"
#include "core/model/recurrent.h"
#include "core/model/relu.h"
#include "core/model/reshape.h"
#include "core/model/residual.h"
#include "core/model/sequential.h"
#include "core/model/sigmoid.h"
#include "core/model/silu.h"
#include "core/model/softmax.h"
#include "core/model/tanh.h"
#include "core/objective/gradient.h"
#include "core/objective/loss.h"
#include "core/objective/supervised_objective.h"
#include "core/space/space.h"
#include "gtest/gtest.h"
#include "tests/core/model/inner_product.h"
#include "tests/core/plan/allocations.h"

namespace descent {
namespace {

struct Case {
  std::string name;
  LayerOptions layer;
  Shape input;             // of one example
  int64_t indices = 0;     // > 0: the inputs are whole numbers below it
  bool plan = true;        // has one
  bool allocates = false;  // its plan leaves something to kernels that do
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

constexpr bool kAllocates = true;

std::vector<Case> Cases() {
  return {
      {"linear", Linear{.out_features = 3}, {5}},
      {"linear_without_bias", Linear{.out_features = 3, .bias = false}, {5}},
      {"linear_of_rows", Linear{.out_features = 3}, {2, 4, 5}},
      {"relu", Relu{}, {3, 4}},
      {"leaky_relu", LeakyRelu{.negative_slope = 0.2}, {3, 4}},
      {"leaky_relu_without_slope", LeakyRelu{.negative_slope = 0}, {7}},
      {"gelu", Gelu{}, {3, 4}, 0, true, kAllocates},
      {"gelu_tanh", Gelu{.tanh = true}, {3, 4}},
      {"silu", Silu{}, {3, 4}},
      {"tanh", Tanh{}, {3, 4}},
      {"sigmoid", Sigmoid{}, {3, 4}},
      {"softmax", Softmax{}, {3, 4}},
      {"log_softmax", LogSoftmax{}, {6}, 0, true, kAllocates},
      {"dropout", Dropout{.p = 0.4}, {3, 7}},
      {"flatten", Flatten{}, {3, 2, 2}},
      {"reshape", Reshape{.shape = {4, -1}}, {3, 2, 2}},
      {"layer_norm", LayerNorm{}, {3, 19}},
      {"layer_norm_plain", LayerNorm{.affine = false}, {6}},
      {"group_norm", GroupNorm{.groups = 2}, {4, 3, 2}},
      {"group_norm_of_channels", GroupNorm{.groups = 2, .affine = false}, {10}},
      // An offset alone, the same for all examples, would not change what it gives.
      {"batch_norm_1d", Sequential{{Linear{.out_features = 6}, BatchNorm{}}}, {4}},
      {"batch_norm_1d_plain",
       Sequential{{Linear{.out_features = 6}, BatchNorm{.affine = false}}},
       {4}},
      {"batch_norm_2d", BatchNorm{}, {3, 4, 5}},
      {"conv1d",
       Conv1d{.out_channels = 4, .kernel_size = 3, .stride = 2, .padding = 1, .groups = 2},
       {2, 9}},
      {"conv1d_same", Conv1d{.out_channels = 2, .kernel_size = 4, .same_padding = true}, {3, 7}},
      {"conv2d",
       Conv2d{.out_channels = 3, .kernel_size = {3, 2}, .padding = {1}, .dilation = {1, 2}},
       {2, 5, 6}},
      {"conv2d_strides",
       Conv2d{.out_channels = 3, .kernel_size = {3}, .stride = {2}, .padding = {2}, .bias = false},
       {2, 6, 5}},
      {"conv2d_of_points", Conv2d{.out_channels = 4, .kernel_size = {1}, .groups = 2}, {2, 3, 4}},
      {"conv2d_wide_padding",
       Conv2d{.out_channels = 2, .kernel_size = {2}, .padding = {3, 2}},
       {1, 3, 4}},
      {"max_pool1d", MaxPool1d{.kernel_size = 3, .stride = 2, .padding = 1}, {2, 8}},
      {"max_pool2d", MaxPool2d{.kernel_size = {2}}, {2, 5, 6}},
      {"max_pool2d_overlapping",
       MaxPool2d{.kernel_size = {3, 2}, .stride = {1, 2}, .padding = {1, 0}},
       {2, 5, 6}},
      {"avg_pool1d", AvgPool1d{.kernel_size = 3, .stride = 2, .padding = 1}, {2, 8}},
      {"avg_pool2d", AvgPool2d{.kernel_size = {2, 3}, .stride = {1}}, {2, 5, 6}},
      {"adaptive_avg_pool1d", AdaptiveAvgPool1d{.output_size = 3}, {2, 7}},
      {"adaptive_avg_pool2d", AdaptiveAvgPool2d{.output_size = {2, 3}}, {2, 5, 7}},
      {"embedding", Embedding{.num_embeddings = 7, .embedding_dim = 3}, {4}, 7},
      {"positional_embedding", PositionalEmbedding{.max_length = 6}, {4, 3}},
      {"attention", MultiHeadAttention{.num_heads = 2}, {5, 6}},
      {"attention_causal",
       MultiHeadAttention{.num_heads = 3, .causal = true, .bias = false},
       {9, 6}},
      {"attention_dropout",
       MultiHeadAttention{.num_heads = 2, .causal = true, .dropout = 0.3},
       {4, 4}},
      {"lstm", Lstm{.hidden_size = 3}, {5, 2}},
      {"lstm_last", Lstm{.hidden_size = 3, .num_layers = 2, .last_only = true}, {4, 2}},
      {"gru", Gru{.hidden_size = 3}, {5, 2}},
      {"gru_last", Gru{.hidden_size = 3, .num_layers = 2, .last_only = true}, {4, 2}},
      {"sequential",
       Sequential{{Linear{.out_features = 4}, Tanh{}, Linear{.out_features = 4}}},
       {3}},
      {"residual", Residual{Sequential{{Linear{.out_features = 4}, Relu{}, Dropout{}}}}, {4}},
      {"residual_of_a_norm",
       Residual{Sequential{{LayerNorm{}, Linear{.out_features = 4}}}},
       {2, 4}},
      {"graph",
       Graph{
           .nodes =
               {{.name = "a", .operation = Linear{.out_features = 4}},
                {.name = "b", .operation = Tanh{}},
                {.name = "c", .inputs = {"b"}, .operation = Linear{.out_features = 4}},
                {.name = "d", .operation = GraphSameAs{"c"}},
                {.name = "sum", .inputs = {"a", "c", "d"}, .operation = GraphAdd{}},
                {.name = "product", .inputs = {"sum", "b", "sum"}, .operation = GraphMultiply{}},
                {.name = "all", .inputs = {"product", "input", "d"}, .operation = GraphConcat{1}}}},
       {2, 3}},
      {"indices_through_a_graph",
       Graph{.nodes = {{.name = "flat", .operation = Flatten{}},
                       {.name = "twice", .inputs = {"input", "flat"}, .operation = GraphConcat{}},
                       {.name = "some", .operation = Dropout{.p = 0.3}},
                       {.name = "rows",
                        .operation = Embedding{.num_embeddings = 7, .embedding_dim = 3}}}},
       {4},
       7},
  };
}

// y = x + offset, with an offset for each number of an example: its gradient is what comes out of
// the layer behind it.
struct Offset {
  static constexpr std::string_view kind = "offset";

  void Describe(FieldList&) {}
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const {
    auto offset = context.Parameter(kind, "offset", context.input_shape,
                                    UniformInitializer{.low = -0.1, .high = 0.1});
    if (!offset.ok()) return offset.status();
    return BuiltLayer::Of(context, kind, std::make_unique<OffsetLayer>(*std::move(offset)),
                          context.input_shape);
  }

  class OffsetLayer final : public Layer {
   public:
    explicit OffsetLayer(at::Tensor offset) : offset_(std::move(offset)) {}
    at::Tensor forward(const at::Tensor& x, const Pass&) const override { return x + offset_; }
    PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
      const PlanTensor offset = plan.Parameter(offset_), y = plan.Output(x.sizes(), {x, offset});
      plan.Forward({.reads = {x, offset}, .writes = {y}, .run = [=] {
                      at::Tensor out = *y;
                      at::add_out(out, *x, *offset);
                    }});
      const PlanTensor dy = plan.Gradient(y), d = plan.Contribution(offset);
      plan.Backward({.reads = {dy}, .writes = {d}, .run = [=] {
                       at::Tensor out = *d;
                       at::sum_out(out, *dy, at::IntArrayRef{0});
                     }});
      return y;
    }
    void fields(Fields& list) override { list("offset", offset_); }
    std::unique_ptr<Layer> Clone() const override { return std::make_unique<OffsetLayer>(*this); }

   private:
    at::Tensor offset_;
  };
};

Loss WithoutPlan(Loss loss) {
  loss.plan = nullptr;
  return loss;
}

constexpr int64_t kBatch = 5;

class LayerPlansTest : public ::testing::TestWithParam<Case> {
 protected:
  LayerPlansTest() { at::manual_seed(7); }

  // Builds the layer, behind an offset unless its inputs are indices.
  static absl::StatusOr<BuiltModel> Built(const Case& c, at::ScalarType dtype,
                                          at::Device device = at::kCPU) {
    const std::optional<at::ScalarType> indices =
        c.indices > 0 ? std::optional(at::kLong) : std::nullopt;
    std::vector<LayerOptions> layers;
    if (c.indices == 0) layers.emplace_back(Offset{});
    layers.push_back(c.layer);
    return BuildModel({.root = Sequential{std::move(layers)},
                       .input_shape = c.input,
                       .input_dtype = indices,
                       .dtype = dtype,
                       .device = device,
                       .seed = 3});
  }

  // `compute_dtype` is that of what is computed; the batch is of `dtype`.
  static SupervisedObjective ObjectiveOf(const Case& c, const Shape& output, at::ScalarType dtype,
                                         Loss loss, at::Device device = at::kCPU,
                                         std::optional<at::ScalarType> compute_dtype = {}) {
    Shape inputs = c.input, targets = output;
    inputs.insert(inputs.begin(), kBatch);
    targets.insert(targets.begin(), kBatch);
    at::manual_seed(11);
    const at::Tensor x = c.indices > 0 ? at::randint(0, c.indices, inputs, at::kLong)
                                       : at::randn(inputs, at::kDouble).to(dtype);
    const Batch batch{x.to(device), at::randn(targets, at::kDouble).to(device, dtype)};
    return {std::move(loss), [batch](int64_t) { return batch; }, compute_dtype};
  }

  // Makes a starting point at which nothing is special: it has no weights of one, no biases of
  // zero.
  static Model Moved(const BuiltModel& built) {
    Model x = built.model;
    at::manual_seed(5);
    for (const Parameter& parameter : x.parameters()) {
      parameter.tensor.add_(
          at::randn(parameter.tensor.sizes(), at::kDouble).to(parameter.tensor.options()), 0.3);
    }
    return x;
  }
};

void ExpectClose(const Model& g, const Model& expected, double tolerance) {
  EXPECT_GT(norm(expected), 0);
  EXPECT_LE(norm(g - expected), tolerance * norm(expected));
}

TEST_P(LayerPlansTest, PlanAndAutogradAgree) {
  for (const auto& [dtype, tolerance] :
       {std::pair{at::kDouble, 1e-12}, std::pair{at::kFloat, 2e-5}}) {
    const absl::StatusOr<BuiltModel> built = Built(GetParam(), dtype);
    ASSERT_TRUE(built.ok()) << built.status();
    EXPECT_EQ(built->layers.back().plan, GetParam().plan);
    const Model x = Moved(*built), y = x;
    SupervisedObjective planned =
        ObjectiveOf(GetParam(), built->output_shape, dtype, InnerProduct());
    SupervisedObjective recorded =
        ObjectiveOf(GetParam(), built->output_shape, dtype, WithoutPlan(InnerProduct()));
    for (const int64_t iteration : {0, 1, 5}) {
      planned.seek(iteration);
      recorded.seek(iteration);
      const auto [g, value] = gradient(planned, x);
      const auto [expected, expected_value] = gradient(recorded, y);
      EXPECT_NEAR(value, expected_value, tolerance * (1 + std::abs(expected_value)));
      ExpectClose(g, expected, tolerance);
      for (size_t i = 0; i < x.states().size(); ++i) {
        const at::Tensor state = x.states()[i].tensor.to(at::kDouble);
        const at::Tensor other = y.states()[i].tensor.to(at::kDouble);
        EXPECT_LE((state - other).norm().item<double>(),
                  tolerance * (1 + other.norm().item<double>()))
            << x.states()[i].name;
      }
    }
  }
}

// bfloat16 has 8 bits, so what is computed in it is right to a percent or so.
TEST_P(LayerPlansTest, BFloat16IsCloseToFloat32) {
  const absl::StatusOr<BuiltModel> built = Built(GetParam(), at::kFloat);
  ASSERT_TRUE(built.ok()) << built.status();
  const Model x = Moved(*built);
  const auto objective = [&](Loss loss, std::optional<at::ScalarType> compute_dtype) {
    return ObjectiveOf(GetParam(), built->output_shape, at::kFloat, std::move(loss), at::kCPU,
                       compute_dtype);
  };
  SupervisedObjective exact = objective(InnerProduct(), {});
  exact.seek(1);
  const Model unrounded = gradient(exact, x).gradient;
  Model expected = unrounded;
  for (const Loss& loss : {InnerProduct(), WithoutPlan(InnerProduct())}) {
    SupervisedObjective rounded = objective(loss, at::kBFloat16);
    rounded.seek(1);
    const auto [g, value] = gradient(rounded, x);
    // Rounding may change which number is the greatest: there the two ways agree with each other.
    const bool greatest = GetParam().name.starts_with("max_pool");
    if (!greatest || !loss.plan) ExpectClose(g, expected, 0.03);
    EXPECT_GT(norm(g - unrounded), 0) << "nothing was rounded";
    if (greatest) expected = g;
    for (const Parameter& parameter : g.parameters()) {
      EXPECT_EQ(parameter.tensor.scalar_type(), at::kFloat);
    }
    for (size_t i = 0; i < x.states().size(); ++i) {
      EXPECT_NE(x.states()[i].tensor.scalar_type(), at::kBFloat16) << x.states()[i].name;
    }
  }
}

// Needs a GPU: it compares the layer's plan and its autograd there with the CPU's gradient.
TEST_P(LayerPlansTest, TheGpuAgrees) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  ComputeReproducibly(at::kCUDA);
  const absl::StatusOr<BuiltModel> here = Built(GetParam(), at::kDouble);
  ASSERT_TRUE(here.ok()) << here.status();
  SupervisedObjective on_cpu =
      ObjectiveOf(GetParam(), here->output_shape, at::kDouble, InnerProduct());
  on_cpu.seek(1);
  const Model start = Moved(*here);
  const auto [expected, expected_value] = gradient(on_cpu, start);
  struct Kind {
    at::ScalarType dtype, compute_dtype;
    double tolerance;
  };
  for (const Kind& kind :
       {Kind{at::kDouble, at::kDouble, 1e-12}, Kind{at::kFloat, at::kFloat, 2e-5},
        Kind{at::kFloat, at::kBFloat16, 0.03}}) {
    const absl::StatusOr<BuiltModel> built = Built(GetParam(), kind.dtype, at::kCUDA);
    ASSERT_TRUE(built.ok()) << built.status();
    for (const Loss& loss : {InnerProduct(), WithoutPlan(InnerProduct())}) {
      SupervisedObjective objective = ObjectiveOf(GetParam(), built->output_shape, kind.dtype, loss,
                                                  at::kCUDA, kind.compute_dtype);
      objective.seek(1);
      const Model x = built->model;
      for (size_t i = 0; i < x.parameters().size(); ++i) {
        x.parameters()[i].tensor.copy_(start.parameters()[i].tensor);
      }
      const auto [g, value] = gradient(objective, x);
      EXPECT_NEAR(value, expected_value, 10 * kind.tolerance * (1 + std::abs(expected_value)));
      Model difference = zeros_like(expected);
      for (size_t i = 0; i < g.parameters().size(); ++i) {
        EXPECT_TRUE(g.parameters()[i].tensor.is_cuda());
        difference.parameters()[i].tensor.copy_(g.parameters()[i].tensor);
      }
      ExpectClose(difference, expected, kind.tolerance);
      // It gives the same bits again.
      const auto [again, same_value] = gradient(objective, x);
      EXPECT_EQ(value, same_value);
      EXPECT_EQ(norm(again - g), 0);
    }
  }
}

TEST_P(LayerPlansTest, TheGradientIsThatOfCentralDifferences) {
  const absl::StatusOr<BuiltModel> built = Built(GetParam(), at::kDouble);
  ASSERT_TRUE(built.ok()) << built.status();
  const Model x = Moved(*built);
  SupervisedObjective objective =
      ObjectiveOf(GetParam(), built->output_shape, at::kDouble, InnerProduct());
  objective.seek(2);
  const Model g = gradient(objective, x).gradient;
  Model differences = zeros_like(x);
  constexpr double kStep = 1e-5;
  for (size_t p = 0; p < x.parameters().size(); ++p) {
    double* values = x.parameters()[p].tensor.mutable_data_ptr<double>();
    double* out = differences.parameters()[p].tensor.mutable_data_ptr<double>();
    for (int64_t i = 0; i < x.parameters()[p].tensor.numel(); ++i) {
      const double value = values[i];
      values[i] = value + kStep;
      const double above = objective(x).item<double>();
      values[i] = value - kStep;
      const double below = objective(x).item<double>();
      values[i] = value;
      out[i] = (above - below) / (2 * kStep);
    }
  }
  ExpectClose(g, differences, 1e-6);
}

TEST_P(LayerPlansTest, AnIterationIsTheSameBitsAndAllocatesNothing) {
  const absl::StatusOr<BuiltModel> built = Built(GetParam(), at::kFloat);
  ASSERT_TRUE(built.ok()) << built.status();
  const Model x = built->model;
  Model g = zeros_like(x), again = zeros_like(x);
  SupervisedObjective objective =
      ObjectiveOf(GetParam(), built->output_shape, at::kFloat, InnerProduct());
  objective.seek(3);
  const double value = gradient_into(objective, x, g);
  // This is what the loss and the offset of this test allocate by themselves.
  const auto cost = [](SupervisedObjective& of, const Model& point, Model& into) {
    for (int i = 0; i < 3; ++i) gradient_into(of, point, into);
    const int64_t before = Allocations();
    for (int i = 0; i < 10; ++i) gradient_into(of, point, into);
    return (Allocations() - before) / 10;
  };
  const int64_t with_layer = cost(objective, x, again);
  EXPECT_EQ(gradient_into(objective, x, again), value);
  EXPECT_EQ(norm(again - g), 0);
  Case bare = GetParam();
  bare.layer = Flatten{};
  bare.indices = 0;
  const absl::StatusOr<BuiltModel> base = Built(bare, at::kFloat);
  SupervisedObjective base_objective =
      ObjectiveOf(bare, base->output_shape, at::kFloat, InnerProduct());
  Model base_g = zeros_like(base->model);
  if (GetParam().plan && !GetParam().allocates) {
    const int64_t without = cost(base_objective, base->model, base_g);
    // A layer of indices stands alone, without the offset.
    if (GetParam().indices > 0) {
      EXPECT_LE(with_layer, without);
    } else {
      EXPECT_EQ(with_layer, without);
    }
  }
}

TEST_P(LayerPlansTest, TheMetaDeviceSaysTheSame) {
  const absl::StatusOr<BuiltModel> here = Built(GetParam(), at::kFloat);
  const absl::StatusOr<BuiltModel> there = Built(GetParam(), at::kFloat, at::kMeta);
  ASSERT_TRUE(here.ok() && there.ok()) << here.status() << there.status();
  EXPECT_EQ(here->parameters, there->parameters);
  EXPECT_EQ(here->output_shape, there->output_shape);
  EXPECT_EQ(here->layers.back().plan, there->layers.back().plan);
}

INSTANTIATE_TEST_SUITE_P(All, LayerPlansTest, ::testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

TEST(LayerKindsTest, EachHasACase) {
  std::set<std::string_view> tested;
  for (const Case& c : Cases()) tested.insert(c.layer.kind());
  for (const std::string_view kind : LayerKinds()) EXPECT_TRUE(tested.contains(kind)) << kind;
}

}  // namespace
}  // namespace descent
