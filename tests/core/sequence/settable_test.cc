#include "core/sequence/settable.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/sequence/cosine.h"
#include "core/sequence/plateau.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

// In this sequence each number is its own position.
Sequence Positions() {
  return Sequence([](int64_t k) { return static_cast<double>(k); });
}

TEST(SettableTest, ItsScheduleGoesOnCountingWhileItIsTakenOver) {
  Settable dial = settable(Positions());
  for (int k = 0; k < 10; ++k) EXPECT_EQ(dial.next(), k);
  ASSERT_TRUE(dial.set(0.5).ok());
  for (int k = 10; k < 20; ++k) EXPECT_EQ(dial.next(), 0.5);
  EXPECT_TRUE(dial.overridden());
  dial.release();
  EXPECT_FALSE(dial.overridden());
  EXPECT_EQ(dial.position(), 20);
  EXPECT_EQ(dial.next(), 20);
}

TEST(SettableTest, ScaleTakesOverWithTheProduct) {
  Settable dial = settable(0.5);
  ASSERT_TRUE(dial.scale(0.5).ok());
  EXPECT_EQ(dial.next(), 0.25);
  ASSERT_TRUE(dial.scale(2).ok());
  EXPECT_EQ(dial.next(), 0.5);
  EXPECT_TRUE(dial.overridden());
}

TEST(SettableTest, IsNeverMinusZero) {
  Settable dial = settable(0.5);
  ASSERT_TRUE(dial.scale(-0.0).ok());
  EXPECT_FALSE(std::signbit(dial.value()));
  ASSERT_TRUE(dial.scale(-2).ok());
  EXPECT_FALSE(std::signbit(dial.value()));
  ASSERT_TRUE(dial.set(-0.0).ok());
  EXPECT_FALSE(std::signbit(dial.value()));
}

TEST(SettableTest, CopiesAndSequencesMadeFromItAreTheSameDial) {
  Settable dial = settable(cosine(1, 100));
  Sequence sequence = dial;
  Settable again(sequence);
  sequence.next();
  EXPECT_EQ(dial.position(), 1);
  ASSERT_TRUE(dial.set(0.25).ok());
  EXPECT_EQ(sequence.next(), 0.25);
  EXPECT_EQ(again.value(), 0.25);
  EXPECT_EQ(dial.position(), 2);
}

TEST(SettableTest, ItsScheduleGoesOnObservingWhileItIsTakenOver) {
  const Sequence schedule = Plateau{.initial = 1, .factor = 0.5, .patience = 0};
  Settable dial = settable(schedule);
  dial.Observe(0, 3);
  ASSERT_TRUE(dial.set(0.2).ok());
  dial.Observe(1, 3);
  EXPECT_EQ(dial.next(), 0.2);
  const Settable::State state = dial.state();
  dial.release();
  EXPECT_EQ(dial.next(), 0.5);
  dial.Observe(2, 3);
  EXPECT_EQ(dial.next(), 0.25);

  Settable other = settable(schedule);
  ASSERT_TRUE(other.Restore(state).ok());
  other.release();
  other.Observe(1, 3);  // has been
  EXPECT_EQ(other.next(), 0.5);
  other.Observe(2, 3);
  EXPECT_EQ(other.next(), 0.25);
  EXPECT_FALSE(settable(0.1).Restore(state).ok());
}

TEST(SettableTest, AValueOutOfRangeChangesNothing) {
  Settable dial = settable(0.1);
  ASSERT_TRUE(dial.Restrict(NonNegative("step_size")).ok());
  ASSERT_TRUE(dial.set(0.2).ok());
  for (const double wrong :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(dial.set(wrong).ToString(), HasSubstr("step_size")) << wrong;
    EXPECT_FALSE(dial.scale(wrong).ok()) << wrong;
    EXPECT_EQ(dial.value(), 0.2);
  }
  EXPECT_TRUE(dial.set(0).ok());
}

TEST(SettableTest, BeforeItIsRestrictedAnyFiniteNumberGoes) {
  Settable dial = settable(0.1);
  EXPECT_TRUE(dial.set(-3).ok());
  EXPECT_FALSE(dial.set(std::numeric_limits<double>::infinity()).ok());
  EXPECT_FALSE(dial.Restrict(NonNegative("step_size")).ok());
}

TEST(SettableTest, WhatItMayBeTurnedToBindsTurnsAlone) {
  Settable momentum = settable(Sequence([](int64_t k) { return k == 0 ? 0.0 : 0.9; }));
  ASSERT_TRUE(momentum.Restrict(UnitInterval("momentum")).ok());
  Range turns = UnitInterval("momentum");
  turns.min_included = false;
  turns.because = "it needs one";
  momentum.LimitTurns(turns);
  EXPECT_EQ(momentum.value(), 0);
  EXPECT_EQ(momentum.set(0).message(),
            "momentum: 0 is not positive; give a number in (0, 1): it needs one");
  // The range is the true one on either side; the reason is that of its own end.
  EXPECT_EQ(momentum.set(1).message(), "momentum: 1 is too large; give a number in (0, 1)");
  EXPECT_EQ(momentum.set(-1).message(),
            "momentum: -1 is negative; give a number in (0, 1): it needs one");
  EXPECT_FALSE(momentum.overridden());
  EXPECT_TRUE(momentum.set(0.5).ok());
  momentum.release();
  EXPECT_EQ(momentum.value(), 0);
}

TEST(SettableTest, ItsStateGoesOnWhereItWasSaved) {
  Settable dial = settable(Positions());
  dial.seek(7);
  ASSERT_TRUE(dial.set(0.5).ok());
  const Settable::State saved = dial.state();

  Settable other = settable(Positions());
  ASSERT_TRUE(other.Restore(saved).ok());
  EXPECT_EQ(other.value(), 0.5);
  EXPECT_EQ(other.position(), 7);
  other.release();
  EXPECT_EQ(other.value(), 7);
}

TEST(SettableTest, AWrongStateChangesNothing) {
  Settable dial = settable(0.1);
  ASSERT_TRUE(dial.Restrict(NonNegative("step_size")).ok());
  const Settable::State before = dial.state();
  EXPECT_FALSE(dial.Restore({.position = -1}).ok());
  EXPECT_FALSE(dial.Restore({.position = 3, .override_value = -1}).ok());
  EXPECT_EQ(dial.state(), before);
}

}  // namespace
}  // namespace descent
