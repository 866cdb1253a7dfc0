#include "core/functions/functions.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/tensor.h"
#include "core/functions/objective.h"
#include "core/model/model.h"
#include "core/objective/gradient.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<Function> All() {
  return {*Quadratic({10, 0.1, 1}, {1, 2, 3}),
          *Rosenbrock(2),
          *Rosenbrock(7),
          Beale(),
          Himmelblau(),
          PowellSingular(),
          Wood(),
          HelicalValley()};
}

double Value(const Function& function, const std::vector<double>& x) {
  std::vector<double> gradient(x.size());
  return function.evaluate(x, gradient);
}

TEST(FunctionsTest, BeginWhereTheLiteratureDoes) {
  EXPECT_NEAR(Value(*Rosenbrock(2), Rosenbrock(2)->start), 24.2, 1e-12);
  EXPECT_EQ(Value(Beale(), Beale().start), 14.203125);
  EXPECT_EQ(Value(Himmelblau(), Himmelblau().start), 26);
  EXPECT_EQ(Value(PowellSingular(), PowellSingular().start), 215);
  EXPECT_EQ(Value(Wood(), Wood().start), 19192);
  EXPECT_EQ(Value(HelicalValley(), HelicalValley().start), 2500);
  EXPECT_THAT(Rosenbrock(4)->start, ElementsAre(-1.2, 1, -1.2, 1));
}

TEST(FunctionsTest, HaveTheirMinimaWhereTheySay) {
  for (const Function& function : All()) {
    ASSERT_FALSE(function.minimizers.empty()) << function.name;
    for (const std::vector<double>& x : function.minimizers) {
      std::vector<double> gradient(x.size());
      EXPECT_NEAR(function.evaluate(x, gradient), function.minimum, 1e-12) << function.name;
      for (const double g : gradient) EXPECT_NEAR(g, 0, 1e-11) << function.name;
    }
  }
}

TEST(FunctionsTest, TheSimpleQuadraticIsThatOfTheNumbers) {
  const Function function =
      *Quadratic({10, 0.1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  EXPECT_NEAR(function.minimum, -210.05, 1e-10);
}

TEST(FunctionsTest, GradientsAgreeWithCentralDifferences) {
  for (const Function& function : All()) {
    std::vector<double> x = function.start;
    for (size_t i = 0; i < x.size(); ++i) x[i] += 0.1 * static_cast<double>(i + 1);
    // There is one in each quadrant, for the angle of the helical valley.
    for (const double turn : {1.0, -1.0}) {
      x[1] *= turn;
      std::vector<double> gradient(x.size());
      function.evaluate(x, gradient);
      for (size_t i = 0; i < x.size(); ++i) {
        const double h = 1e-6 * (1 + std::abs(x[i]));
        std::vector<double> up = x, down = x;
        up[i] += h;
        down[i] -= h;
        const double difference = (Value(function, up) - Value(function, down)) / (2 * h);
        EXPECT_NEAR(gradient[i], difference, 1e-5 * (1 + std::abs(difference)))
            << function.name << " " << i;
      }
    }
  }
}

TEST(FunctionsTest, WrongNumbersAreRefusedByName) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(Rosenbrock(1).status().ToString(), HasSubstr("dimension: it is 1"));
  EXPECT_THAT(Quadratic({}).status().ToString(), HasSubstr("diagonal: give"));
  EXPECT_THAT(Quadratic({1, -1}).status().ToString(), HasSubstr("diagonal: number 1 is -1"));
  EXPECT_THAT(Quadratic({nan}).status().ToString(), HasSubstr("diagonal: number 0"));
  EXPECT_THAT(Quadratic({1}, {1, 2}).status().ToString(), HasSubstr("linear: it has 2 numbers"));
  EXPECT_THAT(Quadratic({1}, {nan}).status().ToString(), HasSubstr("linear: number 0"));
  EXPECT_THAT(Quadratic({0}, {1}).status().ToString(), HasSubstr("no minimum"));
  EXPECT_TRUE(Quadratic({0, 1}, {0, 1}).ok());
}

struct Point {
  at::Tensor x;
  void fields(Fields& list) { list("x", x); }
};

TEST(FunctionObjectiveTest, IsTheFunctionOfATensorAndOfAModel) {
  FunctionObjective objective(Beale());
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    const at::Tensor x = at::tensor({1.0, 0.5}).to(dtype);
    const auto [g, value] = gradient(objective, x);
    std::vector<double> expected(2);
    EXPECT_NEAR(value, Beale().evaluate(std::vector<double>{1, 0.5}, expected), 1e-5);
    EXPECT_NEAR(g[0].item<double>(), expected[0], 1e-5);
    EXPECT_NEAR(g[1].item<double>(), expected[1], 1e-5);
    const ModelOf model(Point{x});
    const auto [model_gradient, model_value] = gradient(objective, model);
    EXPECT_EQ(model_value, value);
    EXPECT_EQ(norm(model_gradient), norm(g));
  }
}

TEST(FunctionObjectiveTest, AnotherSizeIsRefused) {
  FunctionObjective objective(Wood());
  try {
    gradient(objective, at::tensor({1.0, 2.0}));
    FAIL() << "no exception";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("wood is a function of 4 numbers, but there are 2"));
  }
}

}  // namespace
}  // namespace descent
