#include "core/train/non_finite.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"

namespace descent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Model Gradient() {
  auto built = BuildModel(
      {.root = Sequential{{Linear{.out_features = 3}, Relu{}, Linear{.out_features = 2}}},
       .input_shape = {4}});
  EXPECT_TRUE(built.ok()) << built.status();
  return built->model;
}

TEST(NonFiniteTest, TheFirstOnTheWayBackFromTheLossIsNamed) {
  const Model gradient = Gradient();
  EXPECT_EQ(NonFiniteText(1, gradient), "");
  gradient.parameters()[3].tensor.fill_(3);
  EXPECT_EQ(
      NonFiniteText(-kInf, gradient),
      "the value is -inf, though every gradient is finite; the greatest is that of 2.bias, of "
      "norm 4.24264");
  // The number is beyond what a float's squares hold.
  gradient.parameters()[3].tensor.fill_(3e30);
  EXPECT_EQ(NonFiniteText(kInf, gradient),
            "the value is inf, though every gradient is finite; the greatest is that of 2.bias, of "
            "norm 4.24264e+30");
  gradient.parameters()[1].tensor[2] = kInf;
  EXPECT_EQ(NonFiniteText(1, gradient), "the gradient of 0.bias is not finite");
  gradient.parameters()[2].tensor.fill_(std::nan(""));
  EXPECT_EQ(NonFiniteText(-std::nan(""), gradient),
            "the value is nan and the gradients of 2 of 4 parameters are not finite, on the way "
            "back from the loss first that of 2.weight, then 0.bias");
}

TEST(NonFiniteTest, WhatAModelIsUsedByIsLookedAt) {
  const at::Tensor good = at::zeros({2}), bad = at::full({2}, std::nan(""));
  EXPECT_EQ(NonFiniteTensor({.tensors = {{"solution/a", good}, {"exp_avg/a", bad}}}), "");
  EXPECT_EQ(NonFiniteTensor({.tensors = {{"solution/a", good}, {"solution/b", bad}}}),
            "solution/b");
  EXPECT_EQ(NonFiniteTensor({.tensors = {{"p/state/a", bad}}}), "p/state/a");
}

}  // namespace
}  // namespace descent
