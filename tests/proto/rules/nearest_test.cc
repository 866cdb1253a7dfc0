#include "proto/rules/nearest.h"

#include <gtest/gtest.h>

namespace descent::rules {
namespace {

TEST(Nearest, FindsWhatWasMeant) {
  EXPECT_EQ(Nearest("step_sise", {"step_size", "momentum"}), "step_size");
  EXPECT_EQ(Nearest("ocsine", {"cosine", "constant"}), "cosine");
  EXPECT_EQ(Nearest("lr", {"beta1", "step_size"}), "step_size");
  EXPECT_EQ(Nearest("Relu", {"relu", "linear"}), "relu");
  EXPECT_EQ(Nearest("zebra", {"relu", "linear"}), "");
  EXPECT_EQ(Nearest("", {"a"}), "");
}

TEST(Nearest, IsTheFirstOfTheNearest) {
  EXPECT_EQ(NearestOf("beta", {"betas", "beta1", "alpha"}), 0u);
  EXPECT_EQ(NearestOf("beta", {"alpha", "bet4s", "beta1"}), 2u);
  EXPECT_EQ(NearestOf("beta", {}), std::nullopt);
}

TEST(Nearest, KnowsShortForms) {
  EXPECT_EQ(Nearest("acc", {"auc", "accuracy"}), "accuracy");
  EXPECT_EQ(Nearest("succ", {"RUNNING", "SUCCEEDED"}), "SUCCEEDED");
  EXPECT_EQ(Nearest("wd", {"id", "weight_decay"}), "weight_decay");
  EXPECT_EQ(NearestOf("mom", {"momentum", "heavy_ball.momentum", "momentum"}), 0u);
  EXPECT_EQ(Nearest("f1_score", {"f1", "f1_micro", "f1_weighted"}), "f1");
  EXPECT_EQ(Nearest("adam_w", {"adam", "adamw"}), "adamw");
  // Of several it is the nearest by its letters, if one is near.
  EXPECT_EQ(Nearest("cosin", {"cosine_decay", "cosine"}), "cosine");
  EXPECT_EQ(Nearest("ada", {"adagrad", "adadelta"}), "");
}

TEST(Nearest, TakesMoreSlipsInALongerWord) {
  EXPECT_EQ(Nearest("abx", {"abc"}), "abc");
  EXPECT_EQ(Nearest("axx", {"abc"}), "");
  EXPECT_EQ(Nearest("abcdxx", {"abcdef"}), "abcdef");
  EXPECT_EQ(Nearest("abcxxx", {"abcdef"}), "");
  EXPECT_EQ(Nearest("abcdxxx", {"abcdefg"}), "abcdefg");
  EXPECT_EQ(Nearest("abcxxxx", {"abcdefg"}), "");
}

TEST(Nearest, LongTextsCostLittle) {
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(Nearest(text, {text, "b"}), text);  // alike as far as they are read
}

TEST(DidYouMean, IsAClauseOrNothing) {
  EXPECT_EQ(DidYouMean("wathc", {"watch", "list"}), " (did you mean `watch`?)");
  EXPECT_EQ(DidYouMean("zebra", {"watch", "list"}), "");
}

}  // namespace
}  // namespace descent::rules
