// Tests what goes around an optimizer, on a toy space whose steps can be told by hand, and on
// models.
#include <cmath>
#include <cstdint>
#include <limits>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/optimizer/accumulate.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/adamw.h"
#include "core/optimizer/any_optimizer.h"
#include "core/optimizer/averages.h"
#include "core/optimizer/clip.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/sam.h"
#include "core/optimizer/weight_decay.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/space/toy_space.h"

namespace descent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using toy::Pair;

// Has the same gradient everywhere, or one for each iteration.
struct Slope {
  std::vector<Pair> gradients;
  int64_t iteration = 0;
  void seek(int64_t k) { iteration = k; }
  double gradient_into(const Pair& x, Pair& g) const {
    g = gradients[static_cast<size_t>(iteration) % gradients.size()];
    return dot(g, x);
  }
};

// Is half the squared distance to (1, 2); counts its evaluations.
struct Bowl {
  int* evaluations;
  double gradient_into(const Pair& x, Pair& g) const {
    ++*evaluations;
    g = {{x.v[0] - 1, x.v[1] - 2}};
    return dot(g, g) / 2;
  }
};

template <class O, class F>
Pair After(int steps, const O& optimizer, F objective, Pair x0 = {{0, 0}}) {
  auto run = optimizer(x0, objective);
  for (int k = 0; k < steps; ++k) run.Advance();
  return run.Current().solution;
}

void ExpectNear(const Pair& x, double first, double second) {
  EXPECT_NEAR(x.v[0], first, 1e-12);
  EXPECT_NEAR(x.v[1], second, 1e-12);
}

const Slope kThreeFour{{Pair{{3, 4}}}};
const GradientDescent kUnit{.step_size = 1.0};

TEST(ClipTest, ByNormKeepsTheDirection) {
  ExpectNear(After(1, ClipByNorm{.max_norm = 1, .optimizer = kUnit}, kThreeFour), -0.6, -0.8);
  ExpectNear(After(1, ClipByNorm{.max_norm = 6, .optimizer = kUnit}, kThreeFour), -3, -4);
}

TEST(ClipTest, ByNormReportsTheFractionOfClippedSteps) {
  auto run =
      ClipByNorm{.max_norm = 1, .optimizer = kUnit}(Pair{}, Slope{{Pair{{3, 4}}, Pair{{0.1, 0}}}});
  std::vector<double> reported;
  for (int k = 0; k < 4; ++k, run.Advance()) {
    run.Current();
    run.Report([&](std::string_view name, double value) {
      EXPECT_EQ(name, "clip_by_norm.clipped");
      reported.push_back(value);
    });
  }
  EXPECT_THAT(reported, ElementsAre(0, 1, 0.5, 2.0 / 3));
}

TEST(ClipTest, ByValueClampsEachNumber) {
  ExpectNear(After(1, ClipByValue{.max_value = 3.5, .optimizer = kUnit}, kThreeFour), -3, -3.5);
  ExpectNear(After(1, ClipByValue{.max_value = 1, .optimizer = kUnit}, Slope{{Pair{{-3, 0.5}}}}), 1,
             -0.5);
}

TEST(ClipTest, ByValueReportsTheFractionOfClippedNumbers) {
  auto run = ClipByValue{.max_value = 1, .optimizer = kUnit}(
      Pair{}, Slope{{Pair{{3, 0.5}}, Pair{{-2, 1.5}}, Pair{{1, -1}}}});
  std::vector<double> reported;
  for (int k = 0; k < 4; ++k, run.Advance()) {
    run.Current();
    run.Report([&](std::string_view name, double value) {
      EXPECT_EQ(name, "clip_by_value.clipped");
      reported.push_back(value);
    });
  }
  EXPECT_THAT(reported, ElementsAre(0, 0.5, 1, 0));
}

TEST(WrapperOrderTest, TheOutermostSeesTheGradientFirst) {
  const Pair x0{{10, 0}};
  // First x decays into the gradient, then the sum is clipped; or it goes the other way round.
  ExpectNear(After(1,
                   CoupledWeightDecay{.weight_decay = 1,
                                      .optimizer = ClipByNorm{.max_norm = 1, .optimizer = kUnit}},
                   Slope{{Pair{{0, 0}}}}, x0),
             9, 0);
  ExpectNear(
      After(1,
            ClipByNorm{.max_norm = 1,
                       .optimizer = CoupledWeightDecay{.weight_decay = 1, .optimizer = kUnit}},
            Slope{{Pair{{0, 0}}}}, x0),
      0, 0);
}

TEST(WeightDecayTest, DecoupledAroundAdamIsAdamW) {
  int evaluations = 0;
  const Pair wrapped =
      After(50, DecoupledWeightDecay{.weight_decay = 0.1, .optimizer = Adam{.step_size = 0.05}},
            Bowl{&evaluations});
  const Pair direct = After(50, AdamW{.step_size = 0.05, .weight_decay = 0.1}, Bowl{&evaluations});
  ExpectNear(wrapped, direct.v[0], direct.v[1]);
}

TEST(AccumulateTest, StepsByTheMeanOfSeveralIterations) {
  const Accumulate optimizer{.iterations = 3, .optimizer = kUnit};
  const Slope slope{{Pair{{3, 0}}, Pair{{0, 3}}, Pair{{3, 3}}}};
  ExpectNear(After(2, optimizer, slope), 0, 0);
  ExpectNear(After(3, optimizer, slope), -2, -2);
  ExpectNear(After(5, optimizer, slope), -2, -2);
  ExpectNear(After(6, optimizer, slope), -4, -4);
}

TEST(AccumulateTest, SequencesCountIterationsAllTheSame) {
  const Sequence counting([](int64_t k) { return static_cast<double>(k); });
  const Accumulate optimizer{.iterations = 2, .optimizer = GradientDescent{.step_size = counting}};
  // The steps are made in the iterations from 1 to 2 and from 3 to 4.
  ExpectNear(After(4, optimizer, Slope{{Pair{{1, 0}}}}), -(1 + 3), 0);
}

TEST(SkipNonFiniteTest, MovesNothingAndCounts) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const SkipNonFinite optimizer{.optimizer = HeavyBall{.step_size = 1.0}};
  const Slope slope{{Pair{{1, 0}}, Pair{{nan, 0}}, Pair{{1, 0}}}};
  auto run = optimizer(Pair{}, slope);
  for (int k = 0; k < 2; ++k) run.Advance();
  ExpectNear(run.Current().solution, -1, 0);
  run.Report([](std::string_view, double skipped) { EXPECT_EQ(skipped, 1); });
  EXPECT_NE(run.stuck(), "");
  run.Advance();
  ExpectNear(run.Current().solution, -1 - 1.9, 0);
  EXPECT_EQ(run.stuck(), "");
}

TEST(LookaheadTest, GoesHalfWayBackToTheSlowWeights) {
  const Lookahead optimizer{.slow_step_size = 0.5, .period = 2, .optimizer = kUnit};
  ExpectNear(After(1, optimizer, kThreeFour), -3, -4);
  ExpectNear(After(2, optimizer, kThreeFour), -3, -4);
  ExpectNear(After(3, optimizer, kThreeFour), -6, -8);
  ExpectNear(After(4, optimizer, kThreeFour), -6, -8);
}

TEST(AverageTest, EmaBeginsAtTheFirstStep) {
  auto run = Ema{.decay = 0.75, .optimizer = kUnit}(Pair{{8, 0}}, Slope{{Pair{{1, 0}}}});
  std::vector<double> averages;
  for (const auto& it : run | std::views::take(4)) {
    averages.push_back(it.average.v[0]);
    EXPECT_EQ(it.solution.v[0], 8 - static_cast<double>(it.index));
  }
  EXPECT_THAT(averages, ElementsAre(8, 7, 0.75 * 7 + 0.25 * 6, 0.75 * 6.75 + 0.25 * 5));
}

TEST(AverageTest, SwaIsTheMeanFromItsStartOn) {
  auto run = Swa{.start = 2, .period = 2, .optimizer = kUnit}(Pair{}, Slope{{Pair{{1, 0}}}});
  std::vector<double> averages;
  for (const auto& it : run | std::views::take(8)) averages.push_back(it.average.v[0]);
  EXPECT_THAT(averages, ElementsAre(0, -1, -2, -2, -3, -3, -4, -4));
}

TEST(SamTest, StepsByTheGradientUphillOnTheSameBatch) {
  int evaluations = 0;
  auto run = Sam{.radius = 0.5, .optimizer = GradientDescent{.step_size = 0.1}}(Pair{{4, 6}},
                                                                                Bowl{&evaluations});
  run.Advance();
  // g = (3, 4), so the second gradient is (3, 4)·(1 + 0.5/5).
  ExpectNear(run.Current().solution, 4 - 0.33, 6 - 0.44);
  EXPECT_EQ(evaluations, 3);
  EXPECT_EQ(run.evaluations(), 3);
  // The value goes from |(3, 4)|²/2 to |(3.3, 4.4)|²/2.
  double sharpness = 0;
  run.Report([&](std::string_view name, double value) {
    if (name == "sam.sharpness") sharpness = value;
  });
  EXPECT_NEAR(sharpness, 12.5 * (1.21 - 1), 1e-12);
}

TEST(WrapperErrorTest, OrdersThatMeanNothingAreRefusedWithASentence) {
  int evaluations = 0;
  const auto message = [&](const auto& optimizer) -> std::string {
    try {
      optimizer(Pair{}, Bowl{&evaluations});
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  const Sam sam{.optimizer = Adam{}};
  EXPECT_THAT(message(ClipByNorm{.optimizer = sam}),
              HasSubstr("clip_by_norm: the optimizer inside"));
  EXPECT_THAT(message(Accumulate{.optimizer = sam}), HasSubstr("accumulate: the optimizer inside"));
  EXPECT_THAT(message(Sam<Sam<Adam>>{.optimizer = sam}), HasSubstr("sam2: the optimizer inside"));
  EXPECT_THAT(message(Lookahead{.optimizer = Nesterov{.step_size = 1}}),
              HasSubstr("lookahead: it moves"));
  EXPECT_THAT(message(CoupledWeightDecay{.pattern = "*.bias", .optimizer = Adam{}}),
              HasSubstr("coupled_weight_decay.pattern"));
  EXPECT_EQ(message(Sam{.optimizer = ClipByNorm{.optimizer = Adam{}}}), "accepted");
  EXPECT_EQ(message(Ema{.optimizer = Nesterov{.step_size = 1}}), "accepted");
}

TEST(WrapperErrorTest, WrongNumbersAreRefusedByName) {
  EXPECT_THAT((ClipByNorm{.max_norm = 0, .optimizer = Adam{}}).Validate().ToString(),
              HasSubstr("max_norm: 0 is not positive; give a finite number > 0"));
  EXPECT_THAT((Ema{.decay = 1, .optimizer = Adam{}}).Validate().ToString(), HasSubstr("decay"));
  EXPECT_THAT((Accumulate{.iterations = 0, .optimizer = Adam{}}).Validate().ToString(),
              HasSubstr("iterations"));
  EXPECT_THAT((Ema{.optimizer = Adam{.epsilon = -1}}).Validate().ToString(), HasSubstr("epsilon"));
}

TEST(WrapperErrorTest, AStepThatFailsLeavesTheWrapperAsItWas) {
  const Sequence fails([](int64_t k) { return k == 1 ? -1.0 : 1.0; });
  auto run = ClipByNorm{.max_norm = 1,
                        .optimizer = Lookahead{.period = 2,
                                               .optimizer = GradientDescent{.step_size = fails}}}(
      Pair{}, kThreeFour);
  run.Advance();
  run.Current();
  run.Advance();
  EXPECT_THROW(run.Current(), std::invalid_argument);
  for (const Dial* dial : run.dials()) EXPECT_EQ(dial->sequence.position(), 1) << dial->name;
  ASSERT_TRUE(run.dials().front()->sequence.set(1).ok());
  ExpectNear(run.Current().solution, -0.6, -0.8);
}

TEST(WrapperDialsTest, AreNamedByScopeAndTakeEffect) {
  auto run = ClipByNorm{.max_norm = 5, .optimizer = ClipByNorm{.max_norm = 1, .optimizer = kUnit}}(
      Pair{}, kThreeFour);
  std::vector<std::string> names;
  for (const Dial* dial : run.dials()) names.push_back(dial->name);
  EXPECT_THAT(names, ElementsAre("step_size", "clip_by_norm.max_norm", "clip_by_norm2.max_norm"));
  EXPECT_THAT(run.dials()[2]->sequence.set(-1).ToString(), HasSubstr("clip_by_norm2.max_norm"));
  ASSERT_TRUE(run.dials()[2]->sequence.set(0.5).ok());
  run.Advance();
  ExpectNear(run.Current().solution, -0.3, -0.4);
}

TEST(AnyOptimizerTest, WrappersComposeAtRunTime) {
  AnyOptimizer<Pair> optimizer = kUnit;
  optimizer = ClipByNorm<AnyOptimizer<Pair>>{.max_norm = 1, .optimizer = optimizer};
  optimizer = CoupledWeightDecay<AnyOptimizer<Pair>>{.weight_decay = 1, .optimizer = optimizer};
  ExpectNear(After(1, optimizer, Slope{{Pair{}}}, Pair{{10, 0}}), 9, 0);
}

// This rule of one's own goes by the sign of an average of the gradients.
struct SignDescent {
  static constexpr std::string_view kind = "sign_descent";
  Sequence step_size = 0.1, beta = 0.5;

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(UnitInterval("beta"), beta);
  }
  struct Rule {
    double step_size, beta;
    template <class T>
    void operator()(T& x, const T& g, T& average) const {
      average = beta * average + (1 - beta) * g;
      x -= step_size * sign(average);
    }
  };
  static ElementStates States(const SignDescent&) { return {{.name = "average"}}; }
  static Rule At(const Present<SignDescent>& now) {
    return {now[&SignDescent::step_size], now[&SignDescent::beta]};
  }
  DESCENT_ELEMENTWISE_OPTIMIZER(SignDescent)
};

TEST(OwnRuleTest, IsAnOptimizerInAnySpaceAndComposes) {
  ExpectNear(After(3, SignDescent{}, Slope{{Pair{{2, -5}}}}), -0.3, 0.3);
  ExpectNear(After(3,
                   DecoupledWeightDecay{.weight_decay = 1,
                                        .optimizer = ClipByNorm{.optimizer = SignDescent{}}},
                   Slope{{Pair{{2, -5}}}}, Pair{{1, 0}}),
             ((1 * 0.9 - 0.1) * 0.9 - 0.1) * 0.9 - 0.1, (0.1 * 0.9 + 0.1) * 0.9 + 0.1);
}

}  // namespace
}  // namespace descent
