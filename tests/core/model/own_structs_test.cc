// Anybody's own structs, nested and in tuples, are models, with gradients and optimizers.
#include <cstdint>
#include <functional>
#include <ranges>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ATen/Context.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/tanh.h"
#include "ATen/ops/zeros.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/model.h"
#include "core/objective/gradient.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/nesterov.h"
#include "core/space/space.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::ElementsAre;

struct Line {
  at::Tensor weight, bias;
  void fields(Fields& list) { list("weight", weight)("bias", bias); }
  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

// Has a tensor, a function, submodels, a state, and a number that is nobody's business.
struct Network {
  std::tuple<Line, Line> lines;
  at::Tensor scale;
  std::function<at::Tensor(const at::Tensor&)> activation;
  at::Tensor calls;  // of int64
  double shift = 0;

  void fields(Fields& list) { list("lines", lines)("scale", scale).state("calls", calls); }
  at::Tensor operator()(const at::Tensor& x) const {
    calls.add_(1);
    return std::get<1>(lines)(activation(std::get<0>(lines)(x))) * scale + shift;
  }
};

Line RandomLine(int64_t in, int64_t out) {
  return {at::randn({out, in}, at::kDouble), at::randn({out}, at::kDouble)};
}

ModelOf<Network> MakeNetwork() {
  at::manual_seed(3);
  return ModelOf(Network{.lines = {RandomLine(2, 4), RandomLine(4, 1)},
                         .scale = at::randn({1}, at::kDouble),
                         .activation = [](const at::Tensor& x) { return at::tanh(x); },
                         .calls = at::zeros({}, at::kLong),
                         .shift = 0.5});
}

std::vector<std::string> NamesOf(std::span<const Parameter> list) {
  std::vector<std::string> names;
  for (const Parameter& parameter : list) names.push_back(parameter.name);
  return names;
}

TEST(OwnStructTest, ListsTuplesByPositionAndStatesApart) {
  const ModelOf<Network> x = MakeNetwork();
  EXPECT_THAT(NamesOf(x.parameters()), ElementsAre("lines.0.weight", "lines.0.bias",
                                                   "lines.1.weight", "lines.1.bias", "scale"));
  EXPECT_THAT(NamesOf(x.states()), ElementsAre("calls"));
  const at::Tensor input = at::randn({3, 2}, at::kDouble);
  x(input);
  const ModelOf<Network> y = x;
  y(input);
  EXPECT_EQ(x->calls.item<int64_t>(), 1);
  EXPECT_EQ(y->calls.item<int64_t>(), 2);
  EXPECT_EQ((3 * y)->calls.item<int64_t>(), 2);
}

TEST(OwnStructTest, IsTrained) {
  const at::Tensor inputs = at::randn({20, 2}, at::kDouble);
  const at::Tensor targets = inputs.sum(1, true).sin();
  const auto loss = [&](const ModelOf<Network>& model) {
    return (model(inputs) - targets).square().mean();
  };
  const ModelOf<Network> x0 = MakeNetwork();
  const auto [g, value] = gradient(loss, x0);
  EXPECT_GT(norm(g), 0);
  const auto improves = [&](auto range) {
    double last = value;
    for (const auto& it : std::move(range) | std::views::take(200)) last = it.value;
    return last < 0.5 * value;
  };
  EXPECT_TRUE(improves(GradientDescent{.step_size = 0.02}(x0, loss)));
  EXPECT_TRUE(improves(Nesterov{.step_size = 0.02, .momentum = 0.5}(x0, loss)));
  EXPECT_TRUE(improves(Adam{.step_size = 0.02}(x0, loss)));
}

TEST(OwnStructTest, TuplesOfModelsAreModels) {
  const auto built =
      BuildModel({.root = Linear{.out_features = 1}, .input_shape = {2}, .dtype = at::kDouble});
  ASSERT_TRUE(built.ok()) << built.status();
  const ModelOf<Network> network = MakeNetwork();
  const ModelOf pair(std::tuple(*built->model, *network));
  EXPECT_THAT(NamesOf(pair.parameters()),
              ElementsAre("0.weight", "0.bias", "1.lines.0.weight", "1.lines.0.bias",
                          "1.lines.1.weight", "1.lines.1.bias", "1.scale"));
  const at::Tensor x = at::randn({5, 2}, at::kDouble);
  EXPECT_TRUE(at::equal(std::get<0>(*pair)(x), built->model(x)));
  const auto loss = [&](const decltype(pair)& both) {
    return (std::get<0>(*both)(x) - std::get<1>(*both)(x)).square().sum();
  };
  const auto [g, value] = gradient(loss, pair);
  for (const Parameter& parameter : g.parameters()) {
    EXPECT_GT(parameter.tensor.abs().sum().item<double>(), 0) << parameter.name;
  }
  decltype(auto) moved = pair - 1e-3 * g;
  EXPECT_LT(loss(moved).item<double>(), value);
  EXPECT_TRUE(at::equal(std::get<0>(*pair)(x), built->model(x)));
}

}  // namespace
}  // namespace descent
