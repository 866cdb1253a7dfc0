#include "core/sequence/sequence.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "core/sequence/constant.h"
#include "core/sequence/cosine.h"
#include "core/sequence/nesterov_sequence.h"
#include "core/sequence/range.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(SequenceTest, AConstantStaysTheSame) {
  Sequence sequence = constant(0.25);
  for (int k = 0; k < 5; ++k) EXPECT_EQ(sequence.next(), 0.25);
  EXPECT_EQ(sequence.position(), 5);
}

TEST(SequenceTest, AFunctionOfThePositionIsASequence) {
  Sequence sequence([](int64_t k) { return 1.0 / static_cast<double>(1 + k); });
  EXPECT_EQ(sequence.value(), 1.0);
  EXPECT_EQ(sequence.next(), 1.0);
  EXPECT_EQ(sequence.next(), 0.5);
  sequence.seek(9);
  EXPECT_EQ(sequence.value(), 0.1);
  EXPECT_EQ(sequence.at(3), 0.25);
  EXPECT_EQ(sequence.position(), 9);
}

TEST(SequenceTest, CopiesCountOnTheirOwn) {
  Sequence sequence = cosine(1, 10);
  sequence.seek(4);
  Sequence copy = sequence;
  copy.next();
  EXPECT_EQ(sequence.position(), 4);
  EXPECT_EQ(copy.position(), 5);
}

TEST(SequenceTest, CosineIsItsClosedForm) {
  Sequence sequence = cosine(0.1, 1000, 0.01);
  for (int64_t k = 0; k < 1500; ++k) {
    const double done = std::min(1.0, static_cast<double>(k) / 1000);
    const double expected = 0.01 + 0.09 * 0.5 * (1 + std::cos(std::numbers::pi * done));
    ASSERT_NEAR(sequence.next(), expected, 1e-12) << "at " << k;
  }
}

TEST(SequenceTest, CosineBeginsAtTheInitialAndEndsAtTheFinalNumber) {
  const Sequence sequence = cosine(0.1, 100);
  EXPECT_EQ(sequence.at(0), 0.1);
  EXPECT_EQ(sequence.at(100), 0);
  EXPECT_EQ(sequence.at(1'000'000), 0);
}

TEST(SequenceTest, CosineRefusesWrongNumbers) {
  EXPECT_THROW(cosine(0.1, 0), std::invalid_argument);
  EXPECT_THROW(cosine(kNan, 10), std::invalid_argument);
  const absl::Status status =
      ValidateFields(Cosine{.initial = 1, .final = kInfinity, .iterations = 3});
  EXPECT_THAT(status.ToString(), HasSubstr("final"));
}

TEST(SequenceTest, NesterovFollowsItsRecursion) {
  Sequence sequence = nesterov_sequence();
  double t = 1;
  for (int k = 0; k < 2000; ++k) {
    const double next = (1 + std::sqrt(1 + 4 * t * t)) / 2;
    ASSERT_EQ(sequence.next(), (t - 1) / next) << "at " << k;
    t = next;
  }
}

TEST(SequenceTest, NesterovGivesTheSameBitsHoweverAPositionIsReached) {
  Sequence forward = nesterov_sequence(), jumped = nesterov_sequence();
  for (int k = 0; k < 500; ++k) forward.next();
  jumped.seek(700);
  EXPECT_LT(forward.value(), jumped.value());
  jumped.seek(500);
  EXPECT_EQ(forward.value(), jumped.value());
}

TEST(SequenceTest, ARangeRefusesWhatIsOutsideAndNamesTheField) {
  const Range step = NonNegative("step_size"), beta = UnitInterval("beta1");
  EXPECT_TRUE(step.Check(0).ok());
  EXPECT_TRUE(beta.Check(0).ok());
  for (const double wrong : {-0.1, kNan, kInfinity, -kInfinity}) {
    EXPECT_THAT(step.Check(wrong).ToString(), HasSubstr("step_size")) << wrong;
    EXPECT_FALSE(beta.Check(wrong).ok()) << wrong;
  }
  EXPECT_THAT(beta.Check(1).ToString(),
              HasSubstr("beta1: 1 is too large; give a number in [0, 1)"));
}

TEST(SequenceTest, ASchedulesBoundsAreCheckedInAdvance) {
  EXPECT_TRUE(cosine(0.1, 10).Validate(NonNegative("step_size")).ok());
  EXPECT_FALSE(cosine(0.1, 10, -0.1).Validate(NonNegative("step_size")).ok());
  EXPECT_TRUE(nesterov_sequence().Validate(UnitInterval("momentum")).ok());
}

}  // namespace
}  // namespace descent
