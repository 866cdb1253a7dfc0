// Tests line searches on functions of one number.
#include "core/optimizer/line_search.h"

#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// This is a function φ of one number, and its derivative φ'.
struct Line {
  std::string name;
  std::function<double(double)> value, slope;
  Sample At(double a) const { return {a, value(a), slope(a)}; }
};

// Makes the functions of Moré & Thuente 1994 ("Line search algorithms with guaranteed sufficient
// decrease"), section 5, equations 5.1 to 5.3, and simpler ones.
std::vector<Line> Lines() {
  const double beta = 0.004, beta2 = 0.01, l = 39;
  return {
      {"parabola", [](double a) { return (a - 3) * (a - 3); },
       [](double a) { return 2 * (a - 3); }},
      {"steep", [](double a) { return std::exp(20 * (a - 1)) - 30 * a; },
       [](double a) { return 20 * std::exp(20 * (a - 1)) - 30; }},
      {"rational", [](double a) { return -a / (a * a + 2); },
       [](double a) { return (a * a - 2) / ((a * a + 2) * (a * a + 2)); }},
      {"power", [=](double a) { return std::pow(a + beta, 5) - 2 * std::pow(a + beta, 4); },
       [=](double a) { return 5 * std::pow(a + beta, 4) - 8 * std::pow(a + beta, 3); }},
      {"oscillating",
       [=](double a) {
         const double smooth = a <= 1 - beta2   ? 1 - a
                               : a >= 1 + beta2 ? a - 1
                                                : (a - 1) * (a - 1) / (2 * beta2) + beta2 / 2;
         return smooth + 2 * (1 - beta2) / (l * M_PI) * std::sin(l * M_PI / 2 * a);
       },
       [=](double a) {
         const double smooth = a <= 1 - beta2 ? -1 : a >= 1 + beta2 ? 1 : (a - 1) / beta2;
         return smooth + (1 - beta2) * std::cos(l * M_PI / 2 * a);
       }},
  };
}

struct Result {
  Sample found;
  int evaluations = 0;
};

Result Find(const LineSearch& search, const Line& line, double trial) {
  Result result;
  result.found = search.Search(
      [&](double step) {
        ++result.evaluations;
        return line.At(step);
      },
      line.At(0), trial);
  return result;
}

void ForAllLines(const LineSearch& search,
                 const std::function<void(const Result&, const Sample&)>& check) {
  for (const Line& line : Lines()) {
    for (const double trial : {1e-3, 0.1, 1.0, 10.0, 1e3}) {
      SCOPED_TRACE(line.name + " from " + std::to_string(trial));
      const Result result = Find(search, line, trial);
      EXPECT_GT(result.found.step, 0);
      EXPECT_EQ(result.found.value, line.value(result.found.step));
      check(result, line.At(0));
    }
  }
}

TEST(LineSearchTest, FixedTakesTheTrial) {
  for (const Line& line : Lines()) {
    const Result result = Find(FixedStep{}, line, 0.7);
    EXPECT_EQ(result.found.step, 0.7);
    EXPECT_EQ(result.evaluations, 1);
  }
}

TEST(LineSearchTest, BacktrackingDecreasesEnough) {
  for (const double contraction : {0.05, 0.5, 0.9}) {
    const Backtracking search{.sufficient_decrease = 0.01, .contraction = contraction};
    ForAllLines(search, [](const Result& result, const Sample& start) {
      EXPECT_LE(result.found.value, start.value + 0.01 * result.found.step * start.slope);
    });
  }
}

TEST(LineSearchTest, BacktrackingHitsTheMinimumOfAParabola) {
  const Result result = Find(Backtracking{.sufficient_decrease = 0.4}, Lines()[0], 7);
  EXPECT_NEAR(result.found.step, 3, 1e-12);
  EXPECT_EQ(result.evaluations, 2);
}

TEST(LineSearchTest, StrongWolfeMeetsBothConditions) {
  for (const double curvature : {0.1, 0.5, 0.9}) {
    const StrongWolfe search{.sufficient_decrease = 1e-3, .curvature = curvature};
    ForAllLines(search, [&](const Result& result, const Sample& start) {
      EXPECT_LE(result.found.value, start.value + 1e-3 * result.found.step * start.slope);
      EXPECT_LE(std::abs(result.found.slope), -curvature * start.slope);
      EXPECT_LE(result.evaluations, 50);
    });
  }
}

TEST(LineSearchTest, HagerZhangMeetsTheWolfeConditionsOrTheApproximateOnes) {
  for (const double sigma : {0.1, 0.9}) {
    const HagerZhang search{.sufficient_decrease = 0.05, .curvature = sigma};
    ForAllLines(search, [&](const Result& result, const Sample& start) {
      const Sample& s = result.found;
      EXPECT_GE(s.slope, sigma * start.slope);
      const double limit = start.value + 1e-6 * std::abs(start.value);
      EXPECT_TRUE(s.value - start.value <= 0.05 * s.step * start.slope ||
                  (s.value <= limit && s.slope <= (2 * 0.05 - 1) * start.slope));
      EXPECT_LE(result.evaluations, 50);
    });
  }
}

TEST(LineSearchTest, AGoodFirstTrialCostsOneEvaluation) {
  for (const LineSearch& search :
       {LineSearch(Backtracking{}), LineSearch(StrongWolfe{}), LineSearch(HagerZhang{})}) {
    const Result result = Find(search, Lines()[0], 2.5);
    EXPECT_EQ(result.found.step, 2.5);
    EXPECT_EQ(result.evaluations, 1);
  }
}

// The function is defined up to 1 only.
TEST(LineSearchTest, WhereValuesAreNotFiniteIsTooFar) {
  const Line line{"logarithm", [](double a) { return -std::log(1 - a) - 3 * a; },
                  [](double a) { return 1 / (1 - a) - 3; }};
  for (const LineSearch& search :
       {LineSearch(Backtracking{}), LineSearch(StrongWolfe{}), LineSearch(HagerZhang{})}) {
    for (const double trial : {0.01, 0.999, 1.0, 5.0, 100.0}) {
      const Result result = Find(search, line, trial);
      EXPECT_GT(result.found.step, 0);
      EXPECT_LT(result.found.step, 1);
      EXPECT_LT(result.found.value, 0) << search.kind() << " from " << trial;
    }
  }
}

// f is 1 + a²·10⁻²⁰ or so: the values do not tell the points apart, the slopes do.
TEST(LineSearchTest, HagerZhangSeesAMinimumThatRoundingHides) {
  const Line line{"hidden", [](double a) { return 1 + 1e-20 * (a - 1) * (a - 1); },
                  [](double a) { return 2e-20 * (a - 1); }};
  const Result result = Find(HagerZhang{.curvature = 0.1}, line, 1e-3);
  EXPECT_NEAR(result.found.step, 1, 0.1);
}

TEST(LineSearchTest, StaysWhereNothingIsBetter) {
  // Its slope is wrong: it goes up on both sides.
  const Line line{"liar", [](double a) { return std::abs(a); }, [](double) { return -1; }};
  for (const LineSearch& search : {LineSearch(Backtracking{}), LineSearch(StrongWolfe{}),
                                   LineSearch(HagerZhang{.epsilon = 0, .max_evaluations = 20})}) {
    const Result result = Find(search, line, 1);
    EXPECT_EQ(result.found.step, 0) << search.kind();
    EXPECT_LE(result.evaluations, 50);
  }
}

TEST(LineSearchTest, KeepsToItsEvaluations) {
  const Line line = Lines()[4];
  EXPECT_LE(Find(StrongWolfe{.curvature = 2e-4, .max_evaluations = 3}, line, 1e3).evaluations, 3);
  EXPECT_LE(Find(HagerZhang{.sufficient_decrease = 1e-9, .curvature = 1e-9, .max_evaluations = 4},
                 line, 1e3)
                .evaluations,
            4);
  EXPECT_LE(Find(Backtracking{.max_evaluations = 2}, line, 1e3).evaluations, 2);
}

TEST(LineSearchTest, WrongConstantsAreRefusedByName) {
  const auto message = [](const LineSearch& search) { return search.Validate().ToString(); };
  EXPECT_THAT(message(Backtracking{.sufficient_decrease = 1}),
              HasSubstr("backtracking.sufficient_decrease: 1"));
  EXPECT_THAT(message(Backtracking{.contraction = 1}), HasSubstr("backtracking.contraction"));
  EXPECT_THAT(message(StrongWolfe{.curvature = 1e-5}), HasSubstr("strong_wolfe.curvature"));
  EXPECT_THAT(message(StrongWolfe{.max_evaluations = 0}),
              HasSubstr("strong_wolfe.max_evaluations"));
  EXPECT_THAT(message(HagerZhang{.sufficient_decrease = 0.5}),
              HasSubstr("hager_zhang.sufficient_decrease"));
  EXPECT_THAT(message(HagerZhang{.curvature = 0.05}), HasSubstr("hager_zhang.curvature"));
  for (const double rho : {0.0, 1.0}) {
    EXPECT_THAT(message(HagerZhang{.rho = rho}),
                AllOf(HasSubstr("hager_zhang.rho"), HasSubstr("give a finite number > 1")));
  }
  for (const double decrease : {0.0, 0.5, 1.0}) {
    EXPECT_THAT(message(HagerZhang{.sufficient_decrease = decrease}),
                HasSubstr("give a number in (0, 0.5)"));
  }
  EXPECT_TRUE(LineSearch(HagerZhang{}).Validate().ok());
  EXPECT_TRUE(LineSearch(FixedStep{}).Validate().ok());
}

}  // namespace
}  // namespace descent
