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
