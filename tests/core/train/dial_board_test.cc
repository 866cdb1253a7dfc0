#include "core/train/dial_board.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/sequence/cosine.h"

namespace descent {
namespace {

TEST(DialBoard, TurnsTellOldAndNewAndCanBeUndone) {
  Settable dial(Sequence(cosine(1, 10)));
  ASSERT_TRUE(dial.Restrict(NonNegative("step_size")).ok());
  DialBoard board({"step_size"}, {dial});
  const DialBoard::States before = board.Save();
  absl::StatusOr<DialBoard::Turn> turn = board.Set(0, 0.5);
  ASSERT_TRUE(turn.ok());
  EXPECT_EQ(turn->old_value, 1);
  EXPECT_EQ(turn->new_value, 0.5);
  EXPECT_EQ(board.Scale(0, 0.5)->new_value, 0.25);
  EXPECT_FALSE(board.Set(0, -1).ok());
  EXPECT_FALSE(board.Scale(0, NAN).ok());
  EXPECT_EQ(dial.value(), 0.25);
  EXPECT_EQ(board.Release(0).new_value, 1);
  ASSERT_TRUE(board.Set(0, 7).ok());
  board.Restore(before);
  EXPECT_EQ(dial.value(), 1);
  EXPECT_FALSE(dial.overridden());
}

}  // namespace
}  // namespace descent
