#include "core/optimizer/stop_tests.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/tensor.h"
#include "core/functions/functions.h"
#include "core/functions/objective.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/lbfgs.h"
#include "core/space/tensor_space.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/space/toy_space.h"

namespace descent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// With f = ½|x|² and steps of one half, x, f and g are 1, ½, ¼, … of (8, 0).
struct Halving {
  double gradient_into(const toy::Pair& x, toy::Pair& g) const {
    g = x;
    return dot(x, x) / 2;
  }
};

// A run ends at the iteration where it stops, and the tests of these names held there.
struct End {
  int64_t index = -1;
  std::vector<std::string> tests;
  std::string sentence;
};

End Go(const StopTests& tests, std::function<double()> seconds = {}) {
  Stopper<toy::Pair> stopper(tests, std::move(seconds));
  auto run = GradientDescent{.step_size = 0.5}(toy::Pair{{8, 0}}, Halving{});
  for (const auto& it : run) {
    const std::vector<StopReason> reasons = stopper.Look(it, run.evaluations());
    if (reasons.empty() && it.index < 100) continue;
    End end{it.index, {}, ToSentence(reasons)};
    for (const StopReason& reason : reasons) end.tests.push_back(reason.test);
    return end;
  }
  return {};
}

TEST(StopTestsTest, EachHoldsWhenItSays) {
  const auto index = [](const StopTests& tests) { return Go(tests).index; };
  // x_k = 8/2^k, so |x_k − x_{k−1}| = |x_k| = |g_k|.
  EXPECT_EQ(index({.solution_change = 1}), 3);
  EXPECT_EQ(index({.solution_relative_change = 1}), 1);
  EXPECT_EQ(index({.solution_relative_change = 0.9}), 100);
  EXPECT_EQ(index({.gradient_norm = 1}), 3);
  EXPECT_EQ(index({.value_below = 0.5}), 3);
  // f_k = 32/4^k, |f_k − f_{k−1}| = 3·f_k.
  EXPECT_EQ(index({.value_change = 1.5}), 3);
  EXPECT_EQ(index({.value_relative_change = 3}), 1);
  EXPECT_EQ(index({.value_relative_change = 2.9}), 100);
  EXPECT_EQ(index({.iterations = 7}), 7);
  EXPECT_EQ(index({.evaluations = 7}), 6);
  EXPECT_EQ(index({}), 100);
}

TEST(StopTestsTest, NothingHasChangedAtTheStart) {
  EXPECT_EQ(Go({.solution_change = 100, .value_change = 100}).index, 1);
  EXPECT_EQ(Go({.value_below = 100}).index, 0);
}

TEST(StopTestsTest, TimeIsThatOfTheClockThatIsGiven) {
  double now = 0;
  EXPECT_EQ(Go({.seconds = 0.35}, [&] { return now += 0.1; }).index, 3);
  EXPECT_EQ(Go({.seconds = 0.35}).index, 100) << "no clock, no decision";
}

TEST(StopTestsTest, EveryOneThatHeldIsReported) {
  const End end = Go({.solution_change = 1, .gradient_norm = 0.9999, .evaluations = 4});
  EXPECT_EQ(end.index, 3);
  EXPECT_THAT(end.tests, ElementsAre("solution_change", "evaluations"));
  EXPECT_EQ(end.sentence, "solution_change 1 <= 1, evaluations 4 >= 4");
}

TEST(StopTestsTest, ARestoredStopperDecidesTheSame) {
  const StopTests tests{.solution_change = 1e-3, .value_change = 1e-9};
  auto run = GradientDescent{.step_size = 0.5}(toy::Pair{{8, 0}}, Halving{});
  Stopper<toy::Pair> whole(tests), resumed(tests);
  for (const auto& it : run) {
    const size_t expected = whole.Look(it, 1).size();
    if (it.index == 5) resumed.Restore(whole.state());
    if (it.index >= 5) {
      EXPECT_EQ(resumed.Look(it, 1).size(), expected) << it.index;
      EXPECT_EQ(resumed.Look(it, 1).size(), expected) << "looked at twice";
    }
    if (it.index == 30) break;
  }
  EXPECT_EQ(resumed.state().solution_change, whole.state().solution_change);
}

TEST(StopTestsTest, TheGreatestNumberOfATensor) {
  Stopper<at::Tensor> stopper({.gradient_max = 1e-8});
  auto run = Lbfgs{}(at::tensor(Wood().start), FunctionObjective(Wood()));
  for (const auto& it : run) {
    if (stopper.Look(it, run.evaluations()).empty()) continue;
    EXPECT_LE(it.gradient.abs().max().item<double>(), 1e-8);
    EXPECT_LT(it.index, 200);
    break;
  }
}

TEST(StopTestsTest, NotANumberHoldsNothing) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(
      Holding(
          {.solution_change = 1, .value_relative_change = 1, .value_below = 1, .gradient_norm = 1},
          {.index = 3,
           .solution_change = nan,
           .value_change = nan,
           .value = nan,
           .gradient_norm = nan}),
      IsEmpty());
}

TEST(StopTestsTest, WrongLimitsAreRefusedByName) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(StopTests{.value_change = -1}.Validate().ToString(), HasSubstr("value_change"));
  EXPECT_THAT(StopTests{.value_below = nan}.Validate().ToString(), HasSubstr("value_below"));
  EXPECT_TRUE(StopTests{.value_below = -5}.Validate().ok());
  EXPECT_THAT(StopTests{.evaluations = 0}.Validate().ToString(), HasSubstr("evaluations"));
  EXPECT_THROW(Stopper<toy::Pair>({.seconds = -1}), std::invalid_argument);
  try {
    Stopper<toy::Pair> stopper({.gradient_max = 1});
    FAIL() << "no exception";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("gradient_max: this space has no coordinates"));
  }
}

}  // namespace
}  // namespace descent
