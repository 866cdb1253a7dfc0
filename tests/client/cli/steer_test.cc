// Tests of the commands to a running job: set, scale, release, evaluate and their like.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/client/cli/cli_fixture.h"

namespace descent::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class CliSteerTest : public CliTest {};

TEST_F(CliSteerTest, SetPrintsTheAcknowledgement) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 8);
  const Result result = Descent({"set", "x", "step_size=0.01", "beta1*=0.5"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out,
              StartsWith("iteration 7: optimizer.adam.step_size 0.1 → 0.01, optimizer.adam.beta1 "
                         "0.9 → 0.45, by "));
  EXPECT_EQ(service_.commands().at(0).commands_size(), 2);
  EXPECT_THAT(Descent({"scale", "x", "step_size=0.5"}).out, HasSubstr("0.01 → 0.005"));
  const Result refused = Descent({"set", "x", "step_size=-1"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.err, "descent: step_size: must be 0 or more\n");
  EXPECT_THAT(Descent({"pause", "x", "--at", "9"}).out, HasSubstr("iteration 7: pause, by "));
  EXPECT_EQ(service_.commands().back().at_iteration(), 9);
}

TEST_F(CliSteerTest, ADialThatIsNotThereIsToldInPeoplesWords) {
  service_.AddJob("x");
  const Result near = Descent({"set", "x", "beta1=0.8", "stepsize=0.01"});
  EXPECT_EQ(near.code, 1);
  EXPECT_EQ(near.err,
            "descent: there is no dial `stepsize` (did you mean `step_size`?); the job has "
            "optimizer.adam.step_size, optimizer.adam.beta1\n");
  EXPECT_THAT(Descent({"release", "x", "adam.bta1"}).err,
              HasSubstr("`adam.bta1` (did you mean `adam.beta1`?)"));
  const Result zero = Descent({"set", "x", "step_size=010"});
  EXPECT_EQ(zero.code, 2);
  EXPECT_THAT(zero.err, HasSubstr("write `10`"));
}

TEST_F(CliSteerTest, SetTellsTheEventAsJson) {
  service_.AddJob("x");
  const Result result = Descent({"set", "x", "step_size=0.01", "--json", "--request_id", "r1"});
  v1::Event event;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &event).ok()) << result.out;
  EXPECT_EQ(event.command_applied().request_id(), "r1");
  EXPECT_EQ(event.command_applied().changes(0).new_value(), 0.01);
}

TEST_F(CliSteerTest, EvaluatePrintsTheResult) {
  service_.AddJob("x");
  EXPECT_EQ(Descent({"evaluate", "x"}).out,
            "iteration 0: test accuracy 88.75%, confusion_matrix [[9, 1], [0, 7]]\n");
}

}  // namespace
}  // namespace descent::cli
