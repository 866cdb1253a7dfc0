#include "core/train/plan.h"

#include <gtest/gtest.h>

namespace descent {
namespace {

TEST(Plan, EvaluatesAtEpochEndsAtIntervalsAndAtTheEnd) {
  const Plan plan{.iterations = 25,
                  .iterations_per_epoch = 5,
                  .evaluate_every_epochs = 2,
                  .evaluate_every_iterations = 8};
  std::string due;
  for (int k = 0; k <= 25; ++k) {
    if (plan.EvaluationDue(k)) due += std::to_string(k) + " ";
  }
  EXPECT_EQ(due, "8 10 16 20 24 25 ");
}

TEST(Plan, ZeroIsOnlyAtTheEnd) {
  const Plan plan{.iterations = 25, .iterations_per_epoch = 5, .evaluate_every_epochs = 0};
  for (int k = 0; k <= 25; ++k) {
    EXPECT_EQ(plan.EvaluationDue(k), k == 25);
    EXPECT_EQ(plan.CheckpointDue(k), k == 25);
  }
}

}  // namespace
}  // namespace descent
