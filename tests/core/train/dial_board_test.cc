#include "core/train/dial_board.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/sequence/cosine.h"

namespace descent {
namespace {

const std::vector<std::string> kPaths = {"optimizer.adam.step_size", "optimizer.adam.beta1",
                                         "optimizer.adam.beta2"};

TEST(FindDialPath, TakesTheFullPathAndUnambiguousSuffixes) {
  EXPECT_EQ(*FindDialPath(kPaths, "optimizer.adam.step_size"), 0u);
  EXPECT_EQ(*FindDialPath(kPaths, "adam.beta1"), 1u);
  EXPECT_EQ(*FindDialPath(kPaths, "beta2"), 2u);
}

TEST(FindDialPath, FieldsInTheMiddleMayBeLeftOut) {
  const std::vector<std::string> paths = {"g.optimizer.adam.step_size",
                                          "d.optimizer.adam.step_size", "d.optimizer.adam.beta1"};
  EXPECT_EQ(*FindDialPath(paths, "d.step_size"), 1u);
  EXPECT_EQ(*FindDialPath(paths, "g.adam.lr"), 0u);
  EXPECT_EQ(FindDialPath(paths, "optimizer.step_size").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FindDialPath(paths, "adam.g.step_size").status().code(), absl::StatusCode::kNotFound);
}

TEST(FindDialPath, KnowsWhatOthersCallAStepSize) {
  for (const char* name : {"lr", "learning_rate", "adam.lr", "optimizer.adam.learning_rate"}) {
    EXPECT_EQ(*FindDialPath(kPaths, name), 0u) << name;
  }
}

TEST(FindDialPath, SuggestsTheNearest) {
  const absl::Status status = FindDialPath(kPaths, "stepsize").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("Did you mean `optimizer.adam.step_size`?"),
            absl::string_view::npos);
  EXPECT_NE(FindDialPath(kPaths, "adam.beta_1")
                .status()
                .message()
                .find("Did you mean `optimizer.adam.beta1`?"),
            absl::string_view::npos);
}

TEST(FindDialPath, ASuffixBeginsAtAField) {
  EXPECT_FALSE(FindDialPath(kPaths, "size").ok());
  EXPECT_FALSE(FindDialPath(kPaths, ".step_size").ok());
  EXPECT_FALSE(FindDialPath(kPaths, "").ok());
}

TEST(FindDialPath, NamesAllThatFit) {
  const absl::Status status =
      FindDialPath({"players.g.step_size", "players.d.step_size"}, "step_size").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("players.g.step_size, players.d.step_size"),
            absl::string_view::npos);
}

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
