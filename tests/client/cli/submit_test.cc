// Tests of the commands submit, validate and example.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <tuple>

#include "client/cli/examples.h"
#include "client/cpp/spec_text.h"
#include "tests/client/cli/cli_fixture.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kEscape = '\x1b';

class CliSubmitTest : public CliTest {};

TEST_F(CliSubmitTest, SubmitsWithOverridesAndLabels) {
  const std::string file =
      File("s.yaml", "optimizer: {adam: {step_size: 1e-3}}\ndata: {train: {csv: {path: a.csv}}}\n");
  const Result result =
      Descent({"submit", file, "--set", "lr=0.5", "--set", "batch_size=3", "--job_id", "mine",
               "--name", "Mine", "--label", "team=vision", "--label", "try=1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("jobs/mine: 235,146 parameters, 4,690 iterations\n"));
  // To be pasted into any shell.
  EXPECT_THAT(result.out, HasSubstr("descent set mine 'step_size*=0.5'"));
  const v1::CreateJobRequest request = service_.creations().at(0);
  EXPECT_EQ(request.job().spec().optimizer().adam().step_size().constant(), 0.5);
  EXPECT_EQ(request.job().spec().data().batch_size(), 3);
  EXPECT_EQ(request.job().spec().data().train().csv().path(), folder_ + "/a.csv");
  EXPECT_EQ(request.job().display_name(), "Mine");
  EXPECT_EQ(request.job().labels().at("team"), "vision");
  EXPECT_EQ(request.request_id().size(), 36u);
  EXPECT_THAT(service_.last_principal(), HasSubstr("@"));
}

// What it tells people to type works: no other dial may be meant.
TEST_F(CliSubmitTest, TheDialThatSubmitNamesIsTheOnlyOneOfItsName) {
  const std::string file =
      File("s.yaml",
           "optimizer: {adam: {step_size: 1e-3}, groups: [{name: bias, pattern: '*bias', "
           "step_size: 0.1}]}\ndata: {train: {csv: {path: a.csv}}}\n");
  const Result result = Descent({"submit", file, "--job_id", "mine"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("descent set mine 'adam.step_size*=0.5'"));
}

TEST_F(CliSubmitTest, RefusedSpecsNameFileLineAndField) {
  const std::string bad = File("bad.yaml", "optimizer:\n  adam:\n    step_sise: 1\n");
  const Result local = Descent({"submit", bad});
  EXPECT_EQ(local.code, 1);
  EXPECT_EQ(local.err, "descent: " + bad +
                           ":3:5: optimizer.adam.step_sise: unknown field (did you mean "
                           "`step_size`?)\n");
  const std::string negative = File("n.yaml", "optimizer:\n  adam:\n    step_size: -1\n");
  const Result remote = Descent({"submit", negative});
  EXPECT_EQ(remote.code, 1);
  EXPECT_EQ(remote.err,
            "descent: " + negative + ":3:5: optimizer.adam.step_size: must be 0 or more\n");
  const Result overridden = Descent({"submit", negative, "--set", "lr=-2"});
  EXPECT_THAT(overridden.err, HasSubstr("optimizer.adam.step_size: must be 0 or more"));
  EXPECT_EQ(Descent({"submit", folder_ + "/none.yaml"}).code, 1);
}

TEST_F(CliSubmitTest, ValidateShowsLayersAndDials) {
  const std::string file = File("s.yaml", "optimizer: {adam: {step_size: {cosine: {initial: 1}}}}");
  const Result result = Descent({"validate", file});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("linear  [10]         7,850  plan"),
                                HasSubstr("optimizer.adam.step_size  cosine: {initial: 1}")));
}

TEST_F(CliSubmitTest, ValidateShowsTheOptimizerItsGroupsAndTheStepSizeOverTheRun) {
  const std::string file =
      File("s.yaml", "optimizer: {adam: {}, wrappers: [{clip_by_norm: {}}, {ema: {}}]}");
  const Result result = Descent({"validate", file}, {.terminal = true});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("clip_by_norm around ema around adam"),
                                HasSubstr("GROUP   SCALARS  PARAMETERS\n"
                                          "(none)    7,840  0.weight\n"
                                          "bias         10  0.bias (frozen)\n"),
                                HasSubstr("STEP SIZE\n"
                                          "   0.1 ┤█\n"
                                          "       │█\n"
                                          "       │██\n"
                                          "       │██\n"
                                          "  0.05 ┤███\n"
                                          "       │███\n"
                                          "       │████\n"
                                          "       │████\n"
                                          "     0 └────\n"
                                          "        0 4,689 iterations\n")));
  // Not into a pipe.
  EXPECT_THAT(Descent({"validate", file}).out, Not(HasSubstr("STEP SIZE")));
  EXPECT_THAT(Descent({"validate", file, "--json"}, {.terminal = true}).out, Not(HasSubstr("┤")));
}

TEST_F(CliSubmitTest, SubmitFollowExitsByTheJobsEnd) {
  const std::string file = File("s.yaml", "epochs: 1\n");
  for (const auto& [id, state, code] :
       {std::tuple("good", v1::SUCCEEDED, 0), std::tuple("bad", v1::FAILED, 1),
        std::tuple("ended", v1::STOPPED, 1)}) {
    std::thread finish([&, name = "jobs/" + std::string(id), state = state] {
      while (service_.watches().empty() || service_.watches().back().name() != name) {
        std::this_thread::yield();
      }
      service_.AddIterations(name, 3);
      service_.Finish(name, state);
    });
    const Result result = Descent({"submit", file, "--follow", "--job_id", id});
    finish.join();
    EXPECT_EQ(result.code, code) << result.out << result.err;
    EXPECT_EQ(result.out.find(kEscape), std::string::npos);
    // The last iteration is told before the end, however soon it came after the first.
    EXPECT_THAT(result.out, HasSubstr("iteration 2/4,690 (0%)  value 0.3333  step size 0.1"));
  }
}

TEST_F(CliSubmitTest, ExamplesAreSpecs) {
  const Result list = RunAt("", {"example"});
  for (const Example& example : Examples()) {
    const bool data = example.name.ends_with(".csv");
    EXPECT_EQ(list.out.find(std::string(example.name) + " ") == std::string::npos, data);
    const Result text = RunAt("", {"example", std::string(example.name)});
    EXPECT_EQ(text.code, 0);
    if (data) continue;
    EXPECT_TRUE(client::ParseSpec(text.out, "x.yaml").ok());
  }
  // Whole sentences.
  EXPECT_THAT(list.out, HasSubstr("right after five epochs, on one CPU core in a minute or two\n"));
  EXPECT_THAT(RunAt("", {"example", "fashion_mnist"}).err, HasSubstr("there is no example"));
  EXPECT_EQ(RunAt("", {"example", "none"}).code, 1);
}

}  // namespace
}  // namespace descent::cli
