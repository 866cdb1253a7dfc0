// Tests what the one pass over flat memory, LibTorch's operations and several threads have in
// common.
#include "core/optimizer/elementwise.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/allclose.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/full.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/zeros.h"
#include "core/model/pattern.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/adamw.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/rprop.h"
#include "core/optimizer/sgd.h"
#include "gtest/gtest.h"
#include "tests/core/optimizer/no_evaluations.h"

namespace descent {
namespace {

template <class O>
at::Tensor After(int steps, const O& optimizer, const at::Tensor& x0, const at::Tensor& gradient) {
  const auto method = optimizer.Start(x0);
  NoEvaluations<at::Tensor> none;
  for (int k = 0; k < steps; ++k) method->Step(gradient, none);
  return method->solution();
}

TEST(ElementwiseTest, ThreadsChangeNoBit) {
  at::manual_seed(1);
  const at::Tensor x0 = at::randn({300'001}), gradient = at::randn({300'001});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor alone = After(3, Adam{.step_size = 0.01}, x0, gradient);
  at::set_num_threads(2);
  EXPECT_TRUE(at::equal(After(3, Adam{.step_size = 0.01}, x0, gradient), alone));
  at::set_num_threads(before);
}

// What isn't float or double on the CPU goes by LibTorch's operations, as on other devices.
TEST(ElementwiseTest, OtherDtypesGoByOperations) {
  at::manual_seed(2);
  const at::Tensor x0 = at::randn({3, 5}), gradient = at::randn({3, 5});
  const auto expect_close = [&](const auto& optimizer) {
    const at::Tensor half = After(4, optimizer, x0.to(at::kBFloat16), gradient.to(at::kBFloat16));
    EXPECT_EQ(half.scalar_type(), at::kBFloat16);
    EXPECT_TRUE(at::allclose(half.to(at::kFloat), After(4, optimizer, x0, gradient), 2e-2, 2e-2));
    EXPECT_FALSE(at::equal(half, x0.to(at::kBFloat16)));
  };
  expect_close(Adam{.step_size = 0.1});
  expect_close(Rprop{.initial_step = 0.1});
}

// LibTorch's fused kernels, which a GPU's steps are made by, are the formulas; it has them for the
// CPU as well.
TEST(ElementwiseTest, FusedKernelsAreTheFormulas) {
  at::manual_seed(3);
  const auto expect_same = [&]<class Rule>(const Rule& rule, auto... states) {
    const at::Tensor x0 = at::randn({7}, at::kDouble), g = at::randn({7}, at::kDouble);
    at::Tensor x = x0.clone(), y = x0.clone();
    std::vector<at::Tensor> fused{states.clone()...}, formula{states.clone()...};
    [&]<size_t... I>(std::index_sequence<I...>) {
      for (int step = 0; step < 3; ++step) {
        rule.Fused(x, g, fused[I]...);
        std::array<Element<at::Tensor>, sizeof...(I)> elements{Element<at::Tensor>(formula[I])...};
        Element<at::Tensor> y_element(y);
        rule(y_element, Element<at::Tensor>::Reading(g), elements[I]...);
      }
    }(std::make_index_sequence<sizeof...(states)>());
    EXPECT_TRUE(at::allclose(x, y, 1e-12, 1e-14)) << x << y;
    for (size_t i = 0; i < fused.size(); ++i) {
      EXPECT_TRUE(at::allclose(fused[i], formula[i], 1e-12, 1e-14)) << i;
    }
    EXPECT_FALSE(at::equal(x, x0));
  };
  const at::Tensor zero = at::zeros({7}, at::kDouble);
  expect_same(
      Adam::Rule{.step_size = 0.1, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3, .correction = 1.7},
      zero, zero);
  expect_same(AdamW::Rule{.step_size = 0.1,
                          .beta1 = 0.0,
                          .beta2 = 0.99,
                          .epsilon = 1e-8,
                          .correction = 1.7,
                          .keep = 0.97},
              zero, zero);
  expect_same(Sgd::Rule{.step_size = 0.1, .momentum = 0.9, .fresh = 0.4, .nesterov = false}, zero);
  expect_same(Sgd::Rule{.step_size = 0.1, .momentum = 0.9, .fresh = 1, .nesterov = true}, zero);
  // Without momentum LibTorch's kernel keeps no velocity, so these steps are made without it.
  expect_same(Sgd::Rule{.step_size = 0.1, .momentum = 0, .fresh = 0.4, .nesterov = false}, zero);
  expect_same(Sgd::Rule{.step_size = 0.1, .momentum = 0, .fresh = 1, .nesterov = true}, zero);
}

TEST(GroupPatternTest, StarsAndQuestionMarks) {
  EXPECT_TRUE(MatchesPattern("*", ""));
  EXPECT_TRUE(MatchesPattern("*.bias", "body.0.bias"));
  EXPECT_FALSE(MatchesPattern("*.bias", "body.0.bias2"));
  EXPECT_FALSE(MatchesPattern("bias", "body.0.bias"));
  EXPECT_TRUE(MatchesPattern("body.?.w*t", "body.0.weight"));
  EXPECT_FALSE(MatchesPattern("body.?.weight", "body.10.weight"));
  EXPECT_TRUE(MatchesPattern("a*b*c", "abbbc"));
  EXPECT_FALSE(MatchesPattern("a*b*c", "abbb"));
  EXPECT_FALSE(MatchesPattern("", "a"));
}

}  // namespace
}  // namespace descent
