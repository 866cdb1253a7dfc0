// Tests what every optimizer promises, whatever the space is.
#include <concepts>
#include <cstdint>
#include <iterator>
#include <limits>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/full.h"
#include "core/model/model.h"
#include "core/objective/gradient.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/barzilai_borwein.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/lbfgs.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/nonlinear_cg.h"
#include "core/sequence/settable.h"
#include "core/space/tensor_space.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/space/toy_space.h"

namespace descent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Numbers {
  at::Tensor first, second;
  void fields(Fields& list) { list("first", first)("second", second); }
};

// Is half the squared distance to 1, by autograd or by hand; counts its evaluations.
struct Bowl {
  int* evaluations;
  at::Tensor operator()(const at::Tensor& x) const {
    ++*evaluations;
    return (x - 1).square().sum() / 2;
  }
  at::Tensor operator()(const ModelOf<Numbers>& x) const {
    ++*evaluations;
    return ((x->first - 1).square().sum() + (x->second - 1).square().sum()) / 2;
  }
  double gradient_into(const toy::Pair& x, toy::Pair& g) const {
    ++*evaluations;
    g = {{x.v[0] - 1, x.v[1] - 1}};
    return dot(g, g) / 2;
  }
};

template <class X>
X Start();
template <>
at::Tensor Start() {
  return at::full({2}, 3.0, at::kDouble);
}
template <>
ModelOf<Numbers> Start() {
  return ModelOf(Numbers{at::full({1}, 3.0, at::kDouble), at::full({1}, 3.0, at::kDouble)});
}
template <>
toy::Pair Start() {
  return {{3, 3}};
}

template <class O>
O Make(Sequence step_size) {
  return O{.step_size = step_size};
}

template <>
Nesterov Make(Sequence step_size) {
  return {.step_size = step_size, .restart = Restart::kGradient};
}

// This says whether each step is as long as the dial says.
template <class O>
constexpr bool kUsesItsStepSize = !std::same_as<O, BarzilaiBorwein>;
// This says whether its steps evaluate the objective, too.
template <class O>
constexpr bool kSearches = std::same_as<O, Lbfgs> || std::same_as<O, NonlinearCg>;

template <class O, class S>
struct Case {
  using Optimizer = O;
  using X = S;
};

template <class C>
class RangeTest : public testing::Test {};

using Cases =
    testing::Types<Case<GradientDescent, at::Tensor>, Case<GradientDescent, ModelOf<Numbers>>,
                   Case<GradientDescent, toy::Pair>, Case<HeavyBall, at::Tensor>,
                   Case<HeavyBall, ModelOf<Numbers>>, Case<HeavyBall, toy::Pair>,
                   Case<Nesterov, at::Tensor>, Case<Nesterov, ModelOf<Numbers>>,
                   Case<Nesterov, toy::Pair>, Case<Adam, at::Tensor>, Case<Adam, ModelOf<Numbers>>,
                   Case<Adam, toy::Pair>, Case<BarzilaiBorwein, at::Tensor>,
                   Case<BarzilaiBorwein, ModelOf<Numbers>>, Case<BarzilaiBorwein, toy::Pair>,
                   Case<NonlinearCg, at::Tensor>, Case<NonlinearCg, ModelOf<Numbers>>,
                   Case<NonlinearCg, toy::Pair>, Case<Lbfgs, at::Tensor>,
                   Case<Lbfgs, ModelOf<Numbers>>, Case<Lbfgs, toy::Pair>>;
TYPED_TEST_SUITE(RangeTest, Cases);

TYPED_TEST(RangeTest, IsAnInfiniteInputRangeThatBeginsAtTheStartingPoint) {
  using X = typename TypeParam::X;
  int evaluations = 0;
  const X x0 = Start<X>();
  auto run = Make<typename TypeParam::Optimizer>(0.1)(x0, Bowl{&evaluations});
  using R = decltype(run);
  static_assert(std::ranges::input_range<R>);
  static_assert(std::same_as<decltype((*run.begin()).solution), const X&>);
  static_assert(std::same_as<decltype((*run.begin()).gradient), const X&>);
  static_assert(std::same_as<std::ranges::sentinel_t<R>, std::unreachable_sentinel_t>);

  const auto first = *run.begin();
  EXPECT_EQ(first.index, 0);
  X difference = copy(first.solution);
  axpy(-1, x0, difference);
  EXPECT_EQ(norm(difference), 0);
  EXPECT_EQ(first.value, 4);
  EXPECT_NEAR(first.gradient_norm(), std::sqrt(8), 1e-14);
  EXPECT_FALSE(first.step_size.has_value());

  int64_t expected = 0;
  double last = 0;
  for (const auto& it : run | std::views::take(400)) {
    EXPECT_EQ(it.index, expected++);
    if (it.index > 0 && kUsesItsStepSize<typename TypeParam::Optimizer>) {
      EXPECT_EQ(it.step_size, 0.1);
    }
    last = it.value;
  }
  EXPECT_EQ(expected, 400);
  EXPECT_LT(last, 0.01);
}

TYPED_TEST(RangeTest, LeavesTheInputAloneAndSharesNoMemory) {
  using X = typename TypeParam::X;
  int evaluations = 0;
  X x0 = Start<X>();
  const X before = copy(x0);
  auto run = Make<typename TypeParam::Optimizer>(0.1)(x0, Bowl{&evaluations});
  auto undisturbed = Make<typename TypeParam::Optimizer>(0.1)(before, Bowl{&evaluations});
  auto it = run.begin(), other = undisturbed.begin();
  for (int k = 0; k < 3; ++k, ++it, ++other) *it, *other;
  X difference = copy(x0);
  axpy(-1, before, difference);
  EXPECT_EQ(norm(difference), 0);
  scale(100, x0);
  difference = copy((*it).solution);
  axpy(-1, (*other).solution, difference);
  EXPECT_EQ(norm(difference), 0);
}

TYPED_TEST(RangeTest, AdvancingIsLazy) {
  using X = typename TypeParam::X;
  int evaluations = 0;
  auto run = Make<typename TypeParam::Optimizer>(0.1)(Start<X>(), Bowl{&evaluations});
  EXPECT_EQ(evaluations, 0);
  for (const auto& it : run | std::views::take(5)) static_cast<void>(it);
  if (!kSearches<typename TypeParam::Optimizer>) {
    EXPECT_EQ(evaluations, 5);
  }
  EXPECT_EQ(run.evaluations(), evaluations);
  auto it = run.begin();
  EXPECT_EQ((*it).index, 5);
  const int at_five = evaluations;
  EXPECT_EQ((*it).index, 5);
  EXPECT_EQ(evaluations, at_five);
  ++it;
  ++it;
  EXPECT_EQ((*it).index, 7);
  EXPECT_GE(evaluations, at_five + 2);
  EXPECT_EQ(run.evaluations(), evaluations);
}

TYPED_TEST(RangeTest, AStepSizeSetInMidLoopIsInForceForTheNextStep) {
  using X = typename TypeParam::X;
  if (!kUsesItsStepSize<typename TypeParam::Optimizer>) GTEST_SKIP() << "has its own step sizes";
  int evaluations = 0;
  Settable step_size = settable(0.1);
  std::vector<double> used;
  for (const auto& it :
       Make<typename TypeParam::Optimizer>(step_size)(Start<X>(), Bowl{&evaluations}) |
           std::views::take(6)) {
    used.push_back(it.step_size.value_or(-1));
    if (it.index == 2) {
      EXPECT_TRUE(step_size.set(0.01).ok());
    }
    if (it.index == 4) step_size.release();
    EXPECT_FALSE(step_size.set(-1).ok());
  }
  EXPECT_THAT(used, ElementsAre(-1, 0.1, 0.1, 0.01, 0.01, 0.1));
}

TYPED_TEST(RangeTest, AZeroStepSizeStays) {
  using X = typename TypeParam::X;
  int evaluations = 0;
  for (const auto& it : Make<typename TypeParam::Optimizer>(0.0)(Start<X>(), Bowl{&evaluations}) |
                            std::views::take(5)) {
    EXPECT_EQ(it.value, 4);
  }
}

TYPED_TEST(RangeTest, WrongHyperparametersAreRefusedByName) {
  using O = typename TypeParam::Optimizer;
  using X = typename TypeParam::X;
  int evaluations = 0;
  for (const double wrong :
       {-0.1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(Make<O>(wrong).Validate().ToString(), HasSubstr("step_size"));
    EXPECT_THROW(Make<O>(wrong)(Start<X>(), Bowl{&evaluations}), std::invalid_argument);
  }
  EXPECT_TRUE(Make<O>(0).Validate().ok());
}

TYPED_TEST(RangeTest, ASequenceThatLeavesItsRangeStopsTheRunWhereItStands) {
  using O = typename TypeParam::Optimizer;
  using X = typename TypeParam::X;
  int evaluations = 0;
  auto run = Make<O>(Sequence([](int64_t k) { return k == 2 ? -1.0 : 0.1; }))(Start<X>(),
                                                                              Bowl{&evaluations});
  auto it = run.begin();
  ++it;
  ++it;
  EXPECT_EQ((*it).index, 2);
  ++it;
  try {
    *it;
    FAIL() << "no exception";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("step_size: -1 is negative"));
    EXPECT_THAT(error.what(), HasSubstr("position 2"));
  }
  ASSERT_TRUE(run.dials().front()->sequence.set(0.1).ok());
  EXPECT_EQ((*it).index, 3);
}

TEST(HyperparametersTest, MomentaAndDecayRatesLieBelowOne) {
  for (const double wrong : {-0.1, 1.0, 2.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT((HeavyBall{.step_size = 1, .momentum = wrong}).Validate().ToString(),
                HasSubstr("momentum"));
    EXPECT_THAT((Nesterov{.step_size = 1, .momentum = wrong}).Validate().ToString(),
                HasSubstr("momentum"));
    EXPECT_THAT((Adam{.beta1 = wrong}).Validate().ToString(), HasSubstr("beta1"));
    EXPECT_THAT((Adam{.beta2 = wrong}).Validate().ToString(), HasSubstr("beta2"));
  }
  EXPECT_THAT(Adam{.epsilon = 0}.Validate().ToString(), HasSubstr("epsilon"));
  EXPECT_TRUE((Adam{.beta1 = 0, .beta2 = 0}).Validate().ok());
}

}  // namespace
}  // namespace descent
