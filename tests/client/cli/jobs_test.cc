// Tests of the commands list, get, wait and delete.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "client/cli/event_text.h"
#include "client/cli/format.h"
#include "tests/client/cli/cli_fixture.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CliJobsTest : public CliTest {};

TEST_F(CliJobsTest, RefusalsExitWith1) {
  const Result result = Descent({"get", "none"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.err, "descent: there is no jobs/none\n");
}

TEST_F(CliJobsTest, ListsAllPages) {
  EXPECT_THAT(Descent({"list"}).out, HasSubstr("no jobs"));
  service_.AddJob("a");
  service_.AddIterations(service_.AddJob("b"), 3);
  const Result table = Descent({"list"});
  EXPECT_EQ(table.code, 0);
  EXPECT_THAT(table.out, AllOf(StartsWith("JOB  STATE    ITERATION"), HasSubstr("\na    RUNNING"),
                               HasSubstr("\nb    RUNNING          2  0.333333        0.1  -")));
  v1::Event evaluated;
  v1::Metric* metric = evaluated.mutable_evaluation()->add_metrics();
  metric->set_name("loss");
  metric->set_value(0.25);
  metric = evaluated.mutable_evaluation()->add_metrics();
  metric->set_name("accuracy");
  metric->set_value(0.8919);
  service_.AddEvent("jobs/b", evaluated);
  EXPECT_THAT(Descent({"list"}).out, HasSubstr("  accuracy 89.19%  "));
  const Result json = Descent({"list", "--json"});
  const std::vector<std::string> lines = absl::StrSplit(json.out, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u);
  v1::Job job;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(lines[1], &job).ok());
  EXPECT_EQ(job.name(), "jobs/b");
}

// Names are other people's: they neither turn the terminal's text around nor act on it.
TEST_F(CliJobsTest, NamesDoNotActOnTheTerminal) {
  const std::string file =
      File("s.yaml", "optimizer: {adam: {step_size: 1e-3}}\ndata: {train: {csv: {path: a.csv}}}\n");
  for (const std::string name :
       {"a\u202Eb", "a\u2066b", "a\u200Fb", "a\u061Cb", "a\u2028b", "a\u0085b",
        "a\x1B"
        "b",
        "a\tb"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(Visible(name), "a?b");
    Descent({"submit", file, "--job_id", "mine", "--name", name});
    EXPECT_THAT(Descent({"list"}).out, AllOf(HasSubstr("a?b"), Not(HasSubstr(name))));
    EXPECT_THAT(Descent({"get", "mine"}).out, AllOf(HasSubstr("a?b"), Not(HasSubstr(name))));
  }
  EXPECT_EQ(Visible("one\ntwo"), "one; two");
  EXPECT_EQ(Visible("caf\xE9"), "caf\uFFFD");
}

TEST_F(CliJobsTest, GetSaysWhatTheWorkerIsHeldTo) {
  service_.AddJob("x");
  EXPECT_THAT(Descent({"get", "x"}).out,
              HasSubstr("  confined to  at most 6.4 GB of memory, no new privileges, its own files "
                        "and the data roots\n"));
  EXPECT_THAT(Descent({"get", "x", "--json"}).out,
              HasSubstr("\"memory_limit_bytes\":\"6400000000\""));
}

TEST_F(CliJobsTest, WaitExitsWith0OnlyForSuccess) {
  service_.Finish(service_.AddJob("good"), v1::SUCCEEDED);
  service_.Finish(service_.AddJob("bad"), v1::FAILED);
  service_.Finish(service_.AddJob("ended"), v1::STOPPED);
  service_.AddJob("endless");
  EXPECT_EQ(Descent({"wait", "good"}).code, 0);
  EXPECT_EQ(Descent({"wait", "bad"}).code, 1);
  EXPECT_EQ(Descent({"wait", "ended"}).code, 1);
  const Result late = Descent({"wait", "endless", "--timeout", "0.05"});
  EXPECT_EQ(late.code, 1);
  EXPECT_EQ(late.err, "descent: jobs/endless has not ended within 0.05 s\n");
  const Result both = Descent({"wait", "good", "ended"});
  EXPECT_EQ(both.code, 1);
  EXPECT_EQ(both.out, "jobs/good  SUCCEEDED\njobs/ended  STOPPED\n");
  EXPECT_EQ(Descent({"wait", "good", "good"}).code, 0);
  EXPECT_EQ(Descent({"wait", "good", "none"}).code, 1);
}

TEST_F(CliJobsTest, WhatALostJobDoesNotKnowIsSaidToBeUnknown) {
  EXPECT_EQ(Ago(0), "-");
  EXPECT_EQ(StateText(v1::JOB_STATE_UNSPECIFIED), "UNKNOWN");
}

TEST_F(CliJobsTest, DeleteNeedsForceForALiveJob) {
  service_.AddJob("x");
  const Result refused = Descent({"delete", "x"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.err, "descent: jobs/x is not over: stop it first, or use --force\n");
  EXPECT_EQ(Descent({"delete", "x", "--force"}).out, "jobs/x deleted\n");
  EXPECT_EQ(Descent({"delete", "x"}).code, 1);
}

}  // namespace
}  // namespace descent::cli
