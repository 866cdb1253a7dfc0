// Tests one's own gradient transformation in ten lines, and one's own rule: with a misspelt name in
// them they are no optimizers.
#include "core/optimizer/transformation.h"

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields/fields.h"
#include "core/optimizer/any_optimizer.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/parameterwise.h"
#include "core/optimizer/sam.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/space/toy_space.h"

namespace descent {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using toy::Pair;

template <class Optimizer>
struct UnitGradient {
  static constexpr std::string_view kind = "unit_gradient";
  Sequence length = 1.0;
  Optimizer optimizer;

  void Describe(FieldList& fields) { fields(Positive("length"), length); }
  template <class X>
  static void Change(const PresentValues<UnitGradient>& now, PassingGradient<X>& gradient) {
    const double present = norm(gradient.given());
    if (present > 0) scale(now[&UnitGradient::length] / present, gradient.changed());
  }
  DESCENT_GRADIENT_TRANSFORMATION(UnitGradient)
};

// Has numbers of its own: the sum of the lengths, and how many steps there were.
template <class Optimizer>
struct Counting {
  static constexpr std::string_view kind = "counting";
  Optimizer optimizer;

  void Describe(FieldList&) {}
  struct Tally {
    int64_t steps = 0;
    double sum = 0;
    template <class Self, class Visit>
    static void Describe(Self& self, Visit&& visit) {
      visit("steps", self.steps);
      visit("sum", self.sum);
    }
    void Report(const Reporter& report) const { report("sum", sum); }
  };
  template <class X>
  static void Change(const PresentValues<Counting>&, PassingGradient<X>& gradient, Tally& tally) {
    ++tally.steps;
    tally.sum += norm(gradient.given());
  }
  DESCENT_GRADIENT_TRANSFORMATION(Counting)
};

struct ThreeFour {
  double gradient_into(const Pair& x, Pair& g) const {
    g = {{3, 4}};
    return dot(g, x);
  }
};

class Names final : public StateVisitor<Pair> {
 public:
  void Space(std::string_view name, Pair&) override { names.emplace_back(name); }
  void Tensor(std::string_view name, at::Tensor&) override { names.emplace_back(name); }
  void Number(std::string_view name, double&) override { names.emplace_back(name); }
  void Integer(std::string_view name, int64_t&) override { names.emplace_back(name); }
  std::vector<std::string> names;
};

TEST(TransformationTest, ChangesTheGradientAndHasADial) {
  auto run = UnitGradient{.length = 1, .optimizer = GradientDescent{.step_size = 1.0}}(Pair{},
                                                                                       ThreeFour{});
  run.Advance();
  EXPECT_THAT(run.Current().solution.v, ElementsAre(DoubleEq(-0.6), DoubleEq(-0.8)));
  // What the objective has shown stays what it was.
  EXPECT_THAT(run.Current().gradient.v, ElementsAre(3, 4));
  ASSERT_EQ(run.dials()[1]->name, "unit_gradient.length");
  ASSERT_TRUE(run.dials()[1]->sequence.set(10).ok());
  EXPECT_FALSE(run.dials()[1]->sequence.set(0).ok());
  run.Advance();
  EXPECT_THAT(run.Current().solution.v, ElementsAre(-0.6 - 6, -0.8 - 8));
}

TEST(TransformationTest, ComposesAtRunTimeAndRefusesWhatEvaluatesByItself) {
  using Any = AnyOptimizer<Pair>;
  const Any inner = GradientDescent{.step_size = 1.0};
  const Any twice = UnitGradient<Any>{.optimizer = Any(UnitGradient<Any>{.optimizer = inner})};
  auto run = twice(Pair{}, ThreeFour{});
  EXPECT_EQ(run.dials()[2]->name, "unit_gradient2.length");
  try {
    const Any around = UnitGradient<Any>{.optimizer = Any(Sam<Any>{.optimizer = inner})};
    around(Pair{}, ThreeFour{});
    FAIL() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("unit_gradient: the optimizer inside evaluates"));
  }
  EXPECT_THAT((UnitGradient<Any>{.length = 0, .optimizer = inner}).Validate().ToString(),
              HasSubstr("length: 0 is not positive"));
}

TEST(TransformationTest, KeepsNumbersThatAreSavedAndReported) {
  auto run = Counting{.optimizer = GradientDescent{.step_size = 1.0}}(Pair{}, ThreeFour{});
  for (int k = 0; k < 3; ++k) run.Advance();
  run.Current();
  double sum = 0;
  run.Report([&](std::string_view name, double value) {
    EXPECT_EQ(name, "counting.sum");
    sum = value;
  });
  EXPECT_EQ(sum, 15);
  Names saved;
  run.Save(saved);
  EXPECT_THAT(saved.names, testing::IsSupersetOf({"counting.steps", "counting.sum"}));
}

TEST(TransformationTest, AStepThatFailsCountsNothing) {
  const Sequence fails([](int64_t k) { return k == 1 ? -1.0 : 1.0; });
  auto run = Counting{.optimizer = GradientDescent{.step_size = fails}}(Pair{}, ThreeFour{});
  run.Advance();
  run.Current();
  run.Advance();
  EXPECT_THROW(run.Current(), std::invalid_argument);
  run.Report([](std::string_view, double sum) { EXPECT_EQ(sum, 5); });
}

// --- What is misspelt.

struct Declaration {
  static constexpr std::string_view kind = "one";
  void Describe(FieldList&) {}
  struct Rule {
    template <class T>
    void operator()(T& x, const T& g) const {
      x -= g;
    }
  };
};
struct Spelt : Declaration {
  static ElementStates States(const Spelt&) { return {}; }
  static Rule At(const Present<Spelt>&) { return {}; }
};
struct NoStates : Declaration {
  static ElementStates Status(const NoStates&) { return {}; }
  static Rule At(const Present<NoStates>&) { return {}; }
};
struct NoAt : Declaration {
  static ElementStates States(const NoAt&) { return {}; }
  static Rule On(const Present<NoAt>&) { return {}; }
};
static_assert(ElementwiseRule<Spelt>);
static_assert(!ElementwiseRule<NoStates>);
static_assert(!ElementwiseRule<NoAt>);

// Names a field that a state doesn't have.
template <class State>
concept HasInitialField = requires { State{.name = "s", .initial = 1.0}; };
template <class State>
concept HasMisspeltField = requires { State{.name = "s", .inital = 1.0}; };
static_assert(HasInitialField<ElementState>);
static_assert(!HasMisspeltField<ElementState>);

}  // namespace
}  // namespace descent
