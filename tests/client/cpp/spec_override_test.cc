#include "client/cpp/spec_override.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "client/cpp/spec_text.h"

namespace descent::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Spec Example() {
  return *ParseSpec(R"(
model: {sequential: [linear: {out_features: 256}, relu, linear: {out_features: 10}]}
optimizer: {adam: {step_size: {cosine: {initial: 0.1}}}}
data: {train: {csv: {path: /x, targets: y}}, batch_size: 64}
epochs: 10
)",
                    "x.yaml");
}

v1::Spec With(const std::string& assignment) {
  v1::Spec spec = Example();
  const absl::Status status = ApplyOverride(assignment, &spec);
  EXPECT_TRUE(status.ok()) << status;
  return spec;
}

std::string ErrorOf(const std::string& assignment) {
  v1::Spec spec = Example();
  const absl::Status status = ApplyOverride(assignment, &spec);
  EXPECT_FALSE(status.ok()) << assignment;
  EXPECT_EQ(spec.SerializeAsString(), Example().SerializeAsString());
  return std::string(status.message());
}

TEST(MatchPath, TakesTheWholePathOrAnySuffix) {
  const std::vector<std::string> paths = {"iterations", "optimizer.adam.step_size",
                                          "optimizer.adam.step_size.cosine.iterations", "a.beta"};
  EXPECT_THAT(MatchPath("step_size", paths), ElementsAre("optimizer.adam.step_size"));
  EXPECT_THAT(MatchPath("adam.lr", paths), ElementsAre("optimizer.adam.step_size"));
  EXPECT_THAT(MatchPath("learning_rate", paths), ElementsAre("optimizer.adam.step_size"));
  EXPECT_THAT(MatchPath("iterations", paths), ElementsAre("iterations"));
  EXPECT_THAT(MatchPath("size", paths), IsEmpty());
  EXPECT_THAT(MatchPath("", paths), IsEmpty());
}

TEST(ApplyOverride, SetsFieldsByTheirSuffix) {
  EXPECT_EQ(With("batch_size=32").data().batch_size(), 32);
  EXPECT_EQ(With("lr=1e-2").optimizer().adam().step_size().constant(), 0.01);
  EXPECT_EQ(With("cosine.initial=.5").optimizer().adam().step_size().cosine().initial(), 0.5);
  EXPECT_EQ(With("keep=0").checkpoints().keep(), 0);
  EXPECT_EQ(With("csv.targets=[a, b]").data().train().csv().targets_size(), 2);
  EXPECT_EQ(With("device=").execution().device(), "");
}

TEST(ApplyOverride, ReplacesWholeParts) {
  EXPECT_EQ(
      With("step_size={cosine: {final: 1}}").optimizer().adam().step_size().cosine().initial(), 0);
  EXPECT_TRUE(With("optimizer={nesterov: {step_size: 0.1}}").optimizer().has_nesterov());
  EXPECT_TRUE(With("optimizer.heavy_ball.step_size=1").optimizer().has_heavy_ball());
}

TEST(ApplyOverride, ReachesIntoLists) {
  EXPECT_EQ(With("model.sequential[0].linear.out_features=8")
                .model()
                .sequential()
                .layers(0)
                .linear()
                .out_features(),
            8);
  EXPECT_EQ(With("layers[2].linear.out_features=8")
                .model()
                .sequential()
                .layers(2)
                .linear()
                .out_features(),
            8);
  EXPECT_TRUE(With("layers[0]=relu").model().sequential().layers(0).has_relu());
}

TEST(ApplyOverride, IterationsAndEpochsReplaceEachOther) {
  EXPECT_FALSE(With("iterations=100").has_epochs());
  v1::Spec spec = With("iterations=100");
  ASSERT_TRUE(ApplyOverride("epochs=3", &spec).ok());
  EXPECT_FALSE(spec.has_iterations());
}

TEST(ApplyOverride, ANumberReplacesTheWordInItsPlace) {
  v1::Spec spec = With("batch_size=all");
  EXPECT_TRUE(spec.data().full_batch());
  EXPECT_FALSE(spec.data().has_batch_size());
  EXPECT_TRUE(ApplyOverride("batch_size=32", &spec).ok());
  EXPECT_FALSE(spec.data().has_full_batch());
  EXPECT_EQ(spec.data().batch_size(), 32);
}

TEST(ApplyOverride, RefusesAndChangesNothing) {
  EXPECT_EQ(ErrorOf("step_sise=1"),
            "--set step_sise=1: step_sise: the spec has no such field (did you mean `step_size`?)");
  EXPECT_THAT(ErrorOf("out_features=1"),
              HasSubstr("could be `model.sequential.layers[0].linear.out_features` or"));
  EXPECT_THAT(
      ErrorOf("every_iterations=1"),
      HasSubstr("could be `evaluation.every_iterations` or `checkpoints.every_iterations`"));
  EXPECT_THAT(ErrorOf("batch_size=many"),
              HasSubstr("data.batch_size: must be a whole number or `all`, not `many`"));
  EXPECT_THAT(ErrorOf("optimizer.adem.beta1=1"), HasSubstr("unknown field `adem` (did you mean"));
  EXPECT_THAT(ErrorOf("model.sequential.layers[9]=relu"), HasSubstr("has only 3 items"));
  EXPECT_THAT(ErrorOf("batch_size"), HasSubstr("write PATH=VALUE"));
  EXPECT_THAT(ErrorOf("=1"), HasSubstr("write PATH=VALUE"));
  EXPECT_THAT(ErrorOf("step_size={cosine: {inital: 1}}"),
              HasSubstr("optimizer.adam.step_size.cosine.inital: unknown field (did you mean "
                        "`initial`?)"));
  EXPECT_THAT(ErrorOf("batch_size=[1"), HasSubstr("never closed?"));
}

// Numbers are those of JSON: what C or YAML would make of them is not what everybody expects.
TEST(ApplyOverride, TakesWholeNumbersInDecimalDigitsOnly) {
  for (const char* number : {"0x10", "0X10", "0o17", "'0x10'", "010", "1_000", "0b1", "+0x1"}) {
    EXPECT_THAT(ErrorOf(absl::StrCat("batch_size=", number)), HasSubstr("data.batch_size: "))
        << number;
  }
  for (const char* number : {"0x10", "0x1p-3", "010", "'0x10'", "1_0"}) {
    EXPECT_THAT(ErrorOf(absl::StrCat("cosine.initial=", number)), HasSubstr("cosine.initial: "))
        << number;
  }
  EXPECT_EQ(With("batch_size='16'").data().batch_size(), 16);
  EXPECT_EQ(With("batch_size=1.6e1").data().batch_size(), 16);
}

// YAML has 0x1F; JSON, whose numbers may stand in quotes, has not.
TEST(ApplyOverride, QuotedNumbersOfASpecAreDecimal) {
  const auto spec = ParseSpec(R"({"seed": "0x10"})", "x.json");
  EXPECT_THAT(std::string(spec.status().message()), HasSubstr("decimal digits, not `0x10`"));
  EXPECT_EQ(ParseSpec(R"({"seed": "16"})", "x.json")->seed(), 16);
  EXPECT_EQ(ParseSpec("seed: 0x10", "x.yaml")->seed(), 16);
}

}  // namespace
}  // namespace descent::client
