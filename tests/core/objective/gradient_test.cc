#include "core/objective/gradient.h"

#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/tanh.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/model.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/space/tensor_space.h"
#include "gtest/gtest.h"
#include "tests/core/space/toy_space.h"

namespace descent {
namespace {

struct Line {
  at::Tensor weight, bias;
  void fields(Fields& list) { list("weight", weight)("bias", bias); }
  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

TEST(GradientTest, OfLeastSquaresIsTheClosedForm) {
  const at::Tensor a = at::randn({20, 4}, at::kDouble), b = at::randn({20}, at::kDouble);
  const at::Tensor x = at::randn({4}, at::kDouble);
  const auto objective = [&](const at::Tensor& point) { return (a.mv(point) - b).square().mean(); };
  const auto [g, value] = gradient(objective, x);
  const at::Tensor residual = a.mv(x) - b, expected = a.t().mv(residual) * (2.0 / 20);
  EXPECT_LE(norm(g - expected), 1e-12 * norm(expected));
  EXPECT_NEAR(value, residual.square().mean().item<double>(), 1e-14);
  EXPECT_FALSE(x.requires_grad());
  EXPECT_FALSE(g.requires_grad());
}

TEST(GradientTest, OfAModelHasTheModelsTypeAndLeavesItAsItWas) {
  ModelOf model(Line{at::randn({1, 4}, at::kDouble), at::randn({1}, at::kDouble)});
  const ModelOf before = copy(model);
  const at::Tensor x = at::randn({20, 4}, at::kDouble), y = at::randn({20, 1}, at::kDouble);
  const auto objective = [&](const ModelOf<Line>& m) { return (m(x) - y).square().mean(); };
  const GradientAndValue<ModelOf<Line>> result = gradient(objective, model);

  const at::Tensor residual = model(x) - y;
  const at::Tensor weight = residual.t().mm(x) * (2.0 / 20);
  EXPECT_LE(norm(result.gradient->weight - weight), 1e-12 * norm(weight));
  EXPECT_NEAR(result.gradient->bias.item<double>(), 2 * residual.mean().item<double>(), 1e-12);
  EXPECT_EQ(norm(model - before), 0);
  EXPECT_FALSE(model->weight.requires_grad());
  EXPECT_FALSE(model->weight.grad().defined());
  EXPECT_FALSE(model(x).requires_grad());
}

TEST(GradientTest, ReluAndLinearAgreeWithCentralDifferences) {
  auto built = BuildModel(
      {.root = Sequential{{Linear{.out_features = 6}, Relu{}, Linear{.out_features = 2}}},
       .input_shape = {3},
       .dtype = at::kDouble,
       .seed = 3});
  ASSERT_TRUE(built.ok()) << built.status();
  Model& model = built->model;
  const at::Tensor x = at::randn({9, 3}, at::kDouble), y = at::randn({9, 2}, at::kDouble);
  const auto objective = [&](const Model& m) { return (m(x) - y).square().mean(); };
  const auto [g, value] = gradient(objective, model);
  Model differences = zeros_like(model);
  const double h = 1e-6;
  for (size_t p = 0; p < model.parameters().size(); ++p) {
    double* numbers = model.parameters()[p].tensor.mutable_data_ptr<double>();
    for (int64_t i = 0; i < model.parameters()[p].tensor.numel(); ++i) {
      const double number = numbers[i];
      numbers[i] = number + h;
      const double above = objective(model).item<double>();
      numbers[i] = number - h;
      const double below = objective(model).item<double>();
      numbers[i] = number;
      differences.parameters()[p].tensor.mutable_data_ptr<double>()[i] = (above - below) / (2 * h);
    }
  }
  EXPECT_LE(norm(g - differences), 1e-6 * norm(g));
}

TEST(GradientTest, WhatTheObjectiveDoesNotDependOnHasAZeroDerivative) {
  const ModelOf model(Line{at::ones({1, 2}), at::ones({1})});
  const auto partial = [](const ModelOf<Line>& m) { return m->weight.sum(); };
  ModelOf g = model;
  EXPECT_EQ(gradient_into(partial, model, g), 2);
  EXPECT_TRUE(at::equal(g->weight, at::ones({1, 2})));
  EXPECT_EQ(g->bias.item<double>(), 0);
  const auto constant = [](const ModelOf<Line>&) { return at::ones({}); };
  EXPECT_EQ(norm(gradient(constant, model).gradient), 0);
}

TEST(GradientTest, WorksWhereNoGraphIsRecordedOtherwise) {
  const at::NoGradGuard no_graph;
  const auto [g, value] =
      gradient([](const at::Tensor& x) { return x.square().sum(); }, at::ones({3}));
  EXPECT_TRUE(at::equal(g, at::ones({3}) * 2));
  EXPECT_FALSE(at::GradMode::is_enabled());
}

TEST(GradientTest, AnObjectiveThatThrowsLeavesTheModelAsItWas) {
  const ModelOf model(Line{at::ones({1, 2}), at::ones({1})});
  const auto throws = [](const ModelOf<Line>&) -> at::Tensor { throw std::runtime_error("no"); };
  EXPECT_THROW(gradient(throws, model), std::runtime_error);
  EXPECT_FALSE(model->weight.requires_grad());
}

TEST(GradientTest, MoreThanOneNumberIsRefused) {
  const auto many = [](const at::Tensor& x) { return x * 2; };
  EXPECT_THROW(gradient(many, at::ones({3})), std::invalid_argument);
  const auto undefined = [](const at::Tensor&) { return at::Tensor(); };
  EXPECT_THROW(gradient(undefined, at::ones({3})), std::invalid_argument);
}

// This is f(x) = |x|²/2 on a space that autograd doesn't know.
struct ToyObjective {
  GradientAndValue<toy::Pair> gradient(const toy::Pair& x) const { return {x, dot(x, x) / 2}; }
};

TEST(GradientTest, AnObjectivesOwnGradientIsPreferred) {
  const auto [g, value] = gradient(ToyObjective{}, toy::Pair{{3, 4}});
  EXPECT_EQ(g, (toy::Pair{{3, 4}}));
  EXPECT_EQ(value, 12.5);
  static_assert(!Objective<ToyObjective, at::Tensor>);
}

struct OwnInto {
  int* calls;
  at::Tensor operator()(const at::Tensor& x) const { return x.sum(); }
  double gradient_into(const at::Tensor& x, at::Tensor& g) const {
    ++*calls;
    g.fill_(7);
    return 1;
  }
};

TEST(GradientTest, AnObjectivesOwnGradientInPlaceIsPreferred) {
  int calls = 0;
  const auto [g, value] = gradient(OwnInto{&calls}, at::ones({2}));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(value, 1);
  EXPECT_TRUE(at::equal(g, at::ones({2}) * 7));
}

}  // namespace
}  // namespace descent
