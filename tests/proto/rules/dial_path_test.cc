#include "proto/rules/dial_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace descent::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string>& Adam() {
  static const auto* const paths = new std::vector<std::string>{
      "optimizer.adam.step_size", "optimizer.adam.beta1", "optimizer.adam.beta2"};
  return *paths;
}

const std::vector<std::string>& Players() {
  static const auto* const paths = new std::vector<std::string>{
      "g.optimizer.adam.step_size", "d.optimizer.adam.step_size", "d.optimizer.adam.beta1"};
  return *paths;
}

TEST(MatchEnds, TakesTheWholePathOrAnEndOfIt) {
  EXPECT_THAT(MatchEnds("optimizer.adam.step_size", Adam()), ElementsAre(0));
  EXPECT_THAT(MatchEnds("adam.beta1", Adam()), ElementsAre(1));
  EXPECT_THAT(MatchEnds("beta2", Adam()), ElementsAre(2));
  EXPECT_THAT(MatchEnds("step_size", Players()), ElementsAre(0, 1));
  EXPECT_THAT(MatchEnds("g.step_size", Players()), IsEmpty());
}

TEST(MatchEnds, AWholePathIsMeantBeforeAnEnd) {
  EXPECT_THAT(MatchEnds("iterations", {"cosine.iterations", "iterations", "stop.iterations"}),
              ElementsAre(1));
}

TEST(MatchEnds, BeginAtAField) {
  for (const char* given : {"size", ".step_size", "", "adam.step_size.", "."}) {
    EXPECT_THAT(MatchEnds(given, Adam()), IsEmpty()) << given;
  }
}

TEST(MatchEnds, KnowWhatOthersCallAStepSize) {
  for (const char* name : {"lr", "learning_rate", "adam.lr", "optimizer.adam.learning_rate"}) {
    EXPECT_THAT(MatchEnds(name, Adam()), ElementsAre(0)) << name;
  }
  EXPECT_THAT(MatchEnds("lr.adam", Adam()), IsEmpty());
}

TEST(MatchDials, FieldsInTheMiddleMayBeLeftOut) {
  EXPECT_THAT(MatchDials("d.step_size", Players()), ElementsAre(1));
  EXPECT_THAT(MatchDials("g.adam.lr", Players()), ElementsAre(0));
  EXPECT_THAT(MatchDials("optimizer.step_size", Players()), ElementsAre(0, 1));
  EXPECT_THAT(MatchDials("adam.g.step_size", Players()), IsEmpty());
  EXPECT_THAT(MatchDials("d.optimizer", Players()), IsEmpty());
}

TEST(MatchDials, AnEndIsMeantBeforeFieldsLeftOut) {
  EXPECT_THAT(MatchDials("b.x", {"a.b.x", "b.c.x"}), ElementsAre(0));
}

TEST(LastFields, AreAsManyAsThereAre) {
  EXPECT_EQ(LastFields("optimizer.adam.beta1", 0), "");
  EXPECT_EQ(LastFields("optimizer.adam.beta1", 1), "beta1");
  EXPECT_EQ(LastFields("optimizer.adam.beta1", 2), "adam.beta1");
  EXPECT_EQ(LastFields("optimizer.adam.beta1", 3), "optimizer.adam.beta1");
  EXPECT_EQ(LastFields("optimizer.adam.beta1", 9), "optimizer.adam.beta1");
}

TEST(NearestDial, ComparesAsManyFieldsAsWereGiven) {
  EXPECT_EQ(NearestDial("stepsize", Adam()), 0u);
  EXPECT_EQ(NearestDial("adam.beta_1", Adam()), 1u);
  EXPECT_EQ(NearestDial("optimiser.adam.beta2", Adam()), 2u);
  EXPECT_EQ(NearestDial("zebra", Adam()), std::nullopt);
  EXPECT_EQ(NearestDial("stepsize", {}), std::nullopt);
}

}  // namespace
}  // namespace descent::rules
