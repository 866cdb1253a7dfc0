#include "core/train/agenda.h"

#include <gtest/gtest.h>

namespace descent {
namespace {

TEST(Agenda, EvaluatesAtEpochEndsAtIntervalsAndAtTheEnd) {
  const Agenda agenda{.iterations = 25,
                      .iterations_per_epoch = 5,
                      .evaluate_every_epochs = 2,
                      .evaluate_every_iterations = 8};
  std::string due;
  for (int k = 0; k <= 25; ++k) {
    if (agenda.EvaluationDue(k)) due += std::to_string(k) + " ";
  }
  EXPECT_EQ(due, "8 10 16 20 24 25 ");
}

TEST(Agenda, ZeroIsOnlyAtTheEnd) {
  const Agenda agenda{.iterations = 25, .iterations_per_epoch = 5, .evaluate_every_epochs = 0};
  for (int k = 0; k <= 25; ++k) {
    EXPECT_EQ(agenda.EvaluationDue(k), k == 25);
    EXPECT_EQ(agenda.CheckpointDue(k), k == 25);
  }
}

}  // namespace
}  // namespace descent
