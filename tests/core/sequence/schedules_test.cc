// Compares every schedule with optax's or PyTorch's, at every step (tests/data/sequences.py).
#include "core/sequence/schedules.h"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/sequence/composed.h"
#include "core/sequence/cosine.h"
#include "core/sequence/cycles.h"
#include "core/sequence/exponential.h"
#include "core/sequence/piecewise.h"
#include "core/sequence/plateau.h"
#include "core/sequence/polynomial.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::map<std::string, std::vector<double>> ReadReference() {
  std::map<std::string, std::vector<double>> sequences;
  std::ifstream file("tests/data/sequences.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string name;
    words >> name;
    for (double number = 0; words >> number;) sequences[name].push_back(number);
  }
  return sequences;
}

class SchedulesTest : public testing::Test {
 protected:
  void ExpectEqual(const std::string& name, Sequence sequence) const {
    const auto found = reference_.find(name);
    ASSERT_NE(found, reference_.end()) << name;
    ASSERT_GE(found->second.size(), 90u);
    for (size_t k = 0; k < found->second.size(); ++k) {
      ASSERT_NEAR(sequence.next(), found->second[k], 1e-12) << name << " at " << k;
    }
    if (!sequence.bounds()) return;
    for (const double number : found->second) {
      ASSERT_GE(number, sequence.bounds()->least - 1e-12) << name;
      ASSERT_LE(number, sequence.bounds()->greatest + 1e-12) << name;
    }
  }

  // Compares the number for each step after the value there was observed.
  void ExpectPlateau(const std::string& name, Plateau plateau) const {
    plateau.initial = 0.1;
    plateau.epsilon = 0;
    Sequence sequence = plateau;
    const std::vector<double>& expected = reference_.at(name);
    for (size_t k = 0; k < expected.size(); ++k) {
      const double value = reference_.at("plateau_values")[k];
      sequence.Observe(static_cast<int64_t>(k), plateau.maximize ? -value : value);
      ASSERT_NEAR(sequence.next(), expected[k], 1e-12) << name << " at " << k;
    }
    EXPECT_LT(sequence.value(), 0.1);
    sequence.Rewind();
    EXPECT_EQ(sequence.next(), 0.1);
  }

 private:
  const std::map<std::string, std::vector<double>> reference_ = ReadReference();
};

TEST_F(SchedulesTest, DecaysAreTheirs) {
  ExpectEqual("cosine", Cosine{.initial = 0.1, .final = 0.005, .iterations = 60});
  ExpectEqual("linear",
              LinearSequence{.initial = 0.1, .final = 0.01, .iterations = 50, .begin = 7});
  ExpectEqual("linear_torch", LinearSequence{.initial = 0.1 / 3, .final = 0.1, .iterations = 40});
  ExpectEqual(
      "polynomial",
      Polynomial{.initial = 0.1, .final = 0.01, .power = 2.5, .iterations = 70, .begin = 5});
  ExpectEqual("polynomial_torch", Polynomial{.initial = 0.1, .power = 0.5, .iterations = 80});
  ExpectEqual("exponential", Exponential{.initial = 0.1, .rate = 0.7, .iterations = 9, .begin = 4});
  ExpectEqual("exponential_clipped",
              Exponential{.initial = 0.1, .rate = 0.7, .iterations = 9, .final = 0.02});
  ExpectEqual("exponential_torch", Exponential{.initial = 0.1, .rate = 0.97});
  ExpectEqual("staircase_torch",
              Exponential{.initial = 0.1, .rate = 0.5, .iterations = 13, .staircase = true});
  ExpectEqual("inverse_square_root",
              Warmup{.iterations = 20, .then = InverseSquareRoot{.initial = 0.1, .timescale = 20}});
}

TEST_F(SchedulesTest, PiecesAreTheirs) {
  ExpectEqual("piecewise_constant",
              PiecewiseConstant{.values = {0.1, 0.05, 0.005, 0.01}, .boundaries = {20, 50, 51}});
  ExpectEqual("piecewise_constant_torch",
              PiecewiseConstant{.values = {0.1, 0.01, 0.001}, .boundaries = {30, 60}});
  for (const bool cosine : {false, true}) {
    ExpectEqual(
        cosine ? "piecewise_cosine" : "piecewise_linear",
        PiecewiseInterpolate{
            .values = {0.1, 0.05, 0.2, 0.02}, .boundaries = {20, 50, 80}, .cosine = cosine});
  }
}

TEST_F(SchedulesTest, CyclesAreTheirs) {
  ExpectEqual("one_cycle", OneCycle{.max = 0.1, .iterations = 100});
  ExpectEqual("one_cycle_linear", OneCycle{.max = 0.2,
                                           .iterations = 90,
                                           .pct_start = 0.35,
                                           .div_factor = 10,
                                           .final_div_factor = 100,
                                           .linear = true});
  ExpectEqual("one_cycle_three_phase",
              OneCycle{.max = 0.1, .iterations = 100, .three_phase = true});
  ExpectEqual("warm_restarts",
              WarmRestarts{.initial = 0.1, .final = 0.001, .iterations = 10, .factor = 2});
  ExpectEqual("warm_restarts_equal", WarmRestarts{.initial = 0.1, .iterations = 17});
}

TEST_F(SchedulesTest, CompositionsAreTheirs) {
  ExpectEqual("warmup_cosine",
              Warmup{.initial = 0.01,
                     .iterations = 15,
                     .then = Cosine{.initial = 0.1, .final = 0.001, .iterations = 65}});
  ExpectEqual("joined",
              Joined{.sequences = {LinearSequence{.initial = 0, .final = 0.1, .iterations = 10},
                                   0.1, Exponential{.initial = 0.1, .rate = 0.5, .iterations = 10}},
                     .boundaries = {10, 40}});
  ExpectEqual("repeated", Repeated{.sequence = PiecewiseInterpolate{.values = {0.01, 0.1, 0.01},
                                                                    .boundaries = {8, 20}},
                                   .iterations = 20});
}

TEST_F(SchedulesTest, PlateausAreTheirs) {
  ExpectPlateau("plateau", {.factor = 0.5, .patience = 3});
  ExpectPlateau("plateau_cooldown", {.patience = 2, .cooldown = 5, .final = 1e-3});
  ExpectPlateau("plateau_absolute",
                {.factor = 0.3, .patience = 1, .threshold = 0.05, .absolute = true});
  ExpectPlateau(
      "plateau_max",
      {.factor = 0.5, .patience = 3, .absolute = true, .maximize = true, .metric = "accuracy"});
}

TEST(PlateauTest, AnIterationIsObservedOnce) {
  Sequence sequence = Plateau{.initial = 1, .factor = 0.5, .patience = 1};
  sequence.Observe(0, 3);
  for (int again = 0; again < 5; ++again) sequence.Observe(1, 3);
  EXPECT_EQ(sequence.value(), 1);
  sequence.Observe(2, 3);
  EXPECT_EQ(sequence.value(), 0.5);
}

TEST(PlateauTest, CopiesObserveOnTheirOwn) {
  Sequence one = Plateau{.initial = 1, .factor = 0.5, .patience = 0}, other = one;
  one.Observe(0, 3);
  one.Observe(1, 3);
  EXPECT_EQ(one.value(), 0.5);
  EXPECT_EQ(other.value(), 1);
}

TEST(PlateauTest, SmallReductionsAreLeftOutAndWhatIsNoNumberIsNotBetter) {
  Sequence sequence = Plateau{.initial = 0.1, .factor = 0.5, .patience = 0, .epsilon = 0.03};
  const double values[] = {1, std::numeric_limits<double>::quiet_NaN(), 2, 3};
  for (int64_t k = 0; k < 4; ++k) sequence.Observe(k, values[k]);
  EXPECT_EQ(sequence.value(), 0.05);
}

TEST(PlateauTest, WhatIsBetterIsMeasuredByTheSizeOfTheBest) {
  const auto falls = [](bool maximize, std::vector<double> values) {
    Sequence sequence = Plateau{.initial = 1,
                                .factor = 0.5,
                                .patience = 0,
                                .threshold = 0.1,
                                .maximize = maximize,
                                .metric = "m"};
    for (size_t k = 0; k < values.size(); ++k) sequence.Observe(static_cast<int64_t>(k), values[k]);
    return sequence.value() < 1;
  };
  // Less is better, and −10 must be bettered by more than 1.
  EXPECT_TRUE(falls(false, {-10, -10.9}));
  EXPECT_FALSE(falls(false, {-10, -11.1}));
  EXPECT_TRUE(falls(false, {-10, -9.5}));
  EXPECT_TRUE(falls(false, {10, 9.1}));
  EXPECT_FALSE(falls(false, {10, 8.9}));
  EXPECT_FALSE(falls(false, {0.5, -0.5, -0.6}));
  EXPECT_TRUE(falls(false, {0.5, -0.5, -0.54}));
  EXPECT_TRUE(falls(false, {0, 0}));
  // Greater is better.
  EXPECT_TRUE(falls(true, {-10, -9.1}));
  EXPECT_FALSE(falls(true, {-10, -8.9}));
  EXPECT_TRUE(falls(true, {10, 10.9}));
  EXPECT_FALSE(falls(true, {10, 11.1}));
  // The first is better than none, whatever it is.
  EXPECT_FALSE(falls(false, {1e300}));
  EXPECT_FALSE(falls(true, {-1e300}));
}

TEST(PlateauTest, TheMeanOfSoManyMeasurementsIsOne) {
  Sequence sequence = Plateau{.initial = 1, .factor = 0.5, .patience = 0, .average = 3};
  std::vector<double> numbers;
  // The means are 2, 1, 1: only the third is no better, whatever the noise.
  const double values[] = {0, 6, 0, 3, -3, 3, 9, -9, 3, 0, 0};
  for (int64_t k = 0; k < 11; ++k) {
    sequence.Observe(k, values[k]);
    numbers.push_back(sequence.value());
  }
  EXPECT_THAT(numbers, ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5));
}

TEST(PlateauTest, ObservesInAWarmUpFromItsTurnOn) {
  Sequence sequence =
      Warmup{.iterations = 4, .then = Plateau{.initial = 1, .factor = 0.5, .patience = 0}};
  std::vector<double> numbers;
  for (int64_t k = 0; k < 8; ++k) {
    sequence.Observe(k, 7);
    numbers.push_back(sequence.next());
  }
  EXPECT_THAT(numbers, ElementsAre(0, 0.25, 0.5, 0.75, 1, 0.5, 0.25, 0.125));
}

TEST(ScheduleTest, AListHoldsItsLastNumber) {
  Sequence sequence = ValueList{.values = {3, 1, 2}};
  for (const double expected : {3, 1, 2, 2, 2}) EXPECT_EQ(sequence.next(), expected);
}

TEST(ScheduleTest, OneCycleStaysAtItsLastNumber) {
  const Sequence sequence = OneCycle{.max = 1, .iterations = 10};
  EXPECT_NEAR(sequence.at(9), 1 / 25e4, 1e-18);
  EXPECT_EQ(sequence.at(10), 1 / 25e4);
  EXPECT_EQ(sequence.at(1'000'000), 1 / 25e4);
  // This is the shortest one: the rise has no room.
  for (const int64_t k : {0, 1, 2}) {
    EXPECT_TRUE(std::isfinite(Sequence(OneCycle{.max = 1, .iterations = 1}).at(k)));
    EXPECT_TRUE(
        std::isfinite(Sequence(OneCycle{.max = 1, .iterations = 2, .pct_start = 0.5}).at(k)));
  }
}

TEST(ScheduleTest, WarmRestartsGoOnForEver) {
  const Sequence sequence = WarmRestarts{.initial = 1, .iterations = 1, .factor = 1'000'000};
  EXPECT_GE(sequence.at(std::numeric_limits<int64_t>::max()), 0);
}

TEST(ScheduleTest, WrongNumbersAreRefusedByName) {
  const auto expect = [](const auto& schedule, const std::string& field) {
    const absl::Status status = ValidateFields(schedule);
    EXPECT_THAT(status.ToString(), HasSubstr(absl::StrCat("INVALID_ARGUMENT: ", field)));
    EXPECT_THROW(Sequence{schedule}, std::invalid_argument);
  };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  expect(Polynomial{.initial = kNan, .iterations = 1}, "initial: ");
  // The range that is told is the one that is checked, whichever number is refused.
  for (const double power : {0.0, -1.0}) {
    const Polynomial polynomial{.initial = 1, .power = power, .iterations = 1};
    expect(polynomial, absl::StrCat("power: ", power));
    EXPECT_THAT(std::string(ValidateFields(polynomial).message()),
                HasSubstr("a finite number > 0"));
  }
  expect(Polynomial{.initial = 1, .iterations = 0}, "iterations: ");
  expect(Polynomial{.initial = 1, .iterations = 1, .begin = -1}, "begin: ");
  expect(LinearSequence{.initial = 1}, "iterations: ");
  expect(Exponential{.initial = 1}, "rate: ");
  expect(Exponential{.initial = 1, .rate = -1}, "rate: ");
  expect(Exponential{.initial = 1, .rate = 0.5, .final = 2.0}, "final: ");
  expect(InverseSquareRoot{.initial = 1, .timescale = 0}, "timescale: ");
  expect(PiecewiseConstant{}, "values: ");
  expect(PiecewiseConstant{.values = {1, 2, kNan}, .boundaries = {1, 2}}, "values[2]: ");
  expect(PiecewiseConstant{.values = {1, 2}}, "boundaries: 0 of them don't go with 2 values");
  expect(PiecewiseConstant{.values = {1, 2, 3}, .boundaries = {5, 5}}, "boundaries[1]: ");
  expect(PiecewiseInterpolate{.values = {1, 2}, .boundaries = {0}}, "boundaries[0]: ");
  expect(ValueList{}, "values: ");
  expect(OneCycle{.max = 1, .iterations = 1, .pct_start = 1.5}, "pct_start: ");
  expect(OneCycle{.max = 1, .iterations = 1, .div_factor = 0}, "div_factor: ");
  expect(WarmRestarts{.initial = 1, .iterations = 1, .factor = 0}, "factor: ");
  expect(Warmup{.then = 1.0}, "iterations: ");
  expect(Joined{}, "sequences: ");
  expect(Joined{.sequences = {1.0, 2.0}}, "boundaries: ");
  expect(Repeated{.sequence = 1.0}, "iterations: ");
  expect(Plateau{.initial = 1, .factor = 1}, "factor: ");
  expect(Plateau{.initial = 1, .patience = -1}, "patience: ");
  expect(Plateau{.initial = 1, .threshold = -1}, "threshold: ");
  expect(Plateau{.initial = 1, .final = 2}, "final: 2 is greater than initial, 1");
  expect(Plateau{.initial = 1, .metric = ""}, "metric: ");
  expect(Plateau{.initial = 1, .average = 0}, "average: ");
  expect(Plateau{.initial = 1, .maximize = true}, "maximize: the value is what is minimized");
  const Sequence plateau = Plateau{.initial = 1};
  expect(Joined{.sequences = {1.0, plateau}, .boundaries = {9}}, "sequences[1]: it goes by what");
  expect(Repeated{.sequence = plateau, .iterations = 5}, "sequence: it goes by what happens");
}

TEST(ScheduleTest, KnowsItsBoundsInAdvance) {
  const Range momentum = UnitInterval("momentum");
  const Sequence inside = Warmup{.iterations = 5, .then = Cosine{.initial = 0.9, .iterations = 9}};
  EXPECT_TRUE(inside.Validate(momentum).ok());
  const Sequence outside = Warmup{.iterations = 5, .then = Cosine{.initial = 1, .iterations = 9}};
  EXPECT_FALSE(outside.Validate(momentum).ok());
  const Sequence joined = Joined{.sequences = {0.5, -0.5}, .boundaries = {1000}};
  EXPECT_FALSE(joined.Validate(NonNegative("step_size")).ok());
}

TEST(ScheduleTest, EveryKindIsMadeByItsName) {
  for (const std::string_view kind : ScheduleKinds()) {
    EXPECT_NE(NewSchedule(kind), nullptr) << kind;
  }
  EXPECT_THAT(ScheduleKinds(), Contains("one_cycle"));
  EXPECT_EQ(NewSchedule("none such"), nullptr);
}

}  // namespace
}  // namespace descent
