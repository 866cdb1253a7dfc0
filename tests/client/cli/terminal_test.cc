// Tests of how wide terminals are, and what fits on them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/cli/format.h"
#include "tests/client/cli/cli_fixture.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The lines as they stand on the screen, without codes.
std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> shown;
  for (const absl::string_view piece :
       absl::StrSplit(text, absl::ByAnyChar("\r\n"), absl::SkipEmpty())) {
    std::string line(piece);
    for (const char* code : {"\x1b[K", "\x1b[0m", "\x1b[1m", "\x1b[1;31m", "\x1b[36m"}) {
      line = absl::StrReplaceAll(line, {{code, ""}});
    }
    shown.push_back(line);
  }
  return shown;
}

class CliTerminalTest : public CliTest {
 protected:
  // What a terminal of so many columns shows. It fails where a line is longer.
  std::string Shown(const std::vector<std::string>& arguments, int columns = 40) {
    const Result result = Descent(arguments, {.terminal = true, .columns = columns});
    EXPECT_EQ(result.code, 0) << result.err;
    for (const std::string& line : Lines(result.out)) {
      EXPECT_LE(Width(line), static_cast<size_t>(columns)) << line;
    }
    return result.out;
  }
};

TEST_F(CliTerminalTest, AListLeavesColumnsOut) {
  service_.AddIterations(service_.AddJob("x"), 100);
  service_.AddJob("another-with-a-very-long-identifier-that-no-column-can-hold");
  EXPECT_THAT(Shown({"list"}),
              AllOf(HasSubstr("JOB"), HasSubstr("STATE"), Not(HasSubstr("SUBMITTED"))));
  EXPECT_THAT(Descent({"list"}).out, HasSubstr("SUBMITTED"));
}

TEST_F(CliTerminalTest, AJobsFieldsAreWhole) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 100);
  v1::Event event;
  event.mutable_evaluation()->set_dataset("/data/of/a/long/path/that/no/line/of/them/holds.csv");
  service_.AddEvent(name, event);
  EXPECT_THAT(Shown({"get", "x"}), HasSubstr("  evaluation      /data/of/a/long/path/\n"
                                             "                  that/no/line/of/them/\n"
                                             "                  holds.csv"));
  // Values go below their dials.
  EXPECT_THAT(Descent({"get", "x"}, {.terminal = true, .columns = 30}).out,
              HasSubstr("    optimizer.adam.step_size\n      0.1\n"));
}

TEST_F(CliTerminalTest, TheLiveLineHoldsWholeFields) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 100);
  const std::string line = "iteration 99/4,690 (2%)  value 0.01";
  const Result watch =
      Descent({"watch", "x"}, {.terminal = true, .columns = 40, .on_flush = WhenShown(line, [&] {
                                                                  service_.Finish(name, v1::FAILED);
                                                                })});
  EXPECT_THAT(Lines(watch.out), Contains(line));
  for (const std::string& shown : Lines(watch.out)) EXPECT_LE(Width(shown), 40u) << shown;
}

TEST_F(CliTerminalTest, HelpIsAsWideAsTheTerminal) {
  const auto expect_narrow = [](const std::string& help) {
    for (const std::string& line : Lines(help)) {
      // What people copy is whole.
      if (line.starts_with("  descent ") || line.starts_with("  source <(")) continue;
      EXPECT_LE(Width(line), 40u) << line;
    }
  };
  for (const std::string& command : Subcommands()) {
    expect_narrow(RunAt("", {command, "--help"}, {.terminal = true, .columns = 40}).out);
    // No wider on a wide one, nor in a pipe.
    const std::string pipe = RunAt("", {command, "--help"}).out;
    EXPECT_EQ(RunAt("", {command, "--help"}, {.terminal = true, .columns = 300}).out, pipe);
    for (const std::string& line : Lines(pipe)) EXPECT_LE(Width(line), 80u) << line;
  }
  const std::string help = RunAt("", {"--help"}, {.terminal = true, .columns = 40}).out;
  expect_narrow(help);
  EXPECT_THAT(help, HasSubstr("\n  watch\n      Show a job's events as they\n"));
  EXPECT_THAT(help, HasSubstr("\n  descent submit spec.yaml --follow\n"));
}

TEST_F(CliTerminalTest, WhatSubmitTellsToTypeIsWhole) {
  const std::string file = File("s.yaml", "optimizer: {adam: {step_size: 1e-3}}\n");
  const std::string wide = Descent({"submit", file, "--job_id", "mine"}).out;
  EXPECT_EQ(wide, "jobs/mine: 235,146 parameters, 4,690 iterations\n" +
                      std::string("  watch it           descent watch mine --server ") +
                      service_.address() +
                      "\n  turn a dial        descent set mine 'step_size*=0.5' "
                      "--server " +
                      service_.address() + "\n  wait for its end   descent wait mine --server " +
                      service_.address() + "\n");
  const std::string narrow =
      Descent({"submit", file, "--job_id", "more"}, {.terminal = true, .columns = 40}).out;
  EXPECT_THAT(narrow, StartsWith("jobs/more: 235,146 parameters, 4,690\niterations\n"));
  EXPECT_THAT(narrow, HasSubstr("\n  watch it\n    descent watch more --server " +
                                service_.address() + "\n"));
  EXPECT_THAT(narrow, HasSubstr("\n  turn a dial\n    descent set more 'step_size*=0.5' --server " +
                                service_.address() + "\n"));
}

TEST_F(CliTerminalTest, TablesOfASpecFit) {
  const std::string file =
      File("s.yaml",
           "optimizer: {adam: {step_size: {cosine: {initial: 0.002, final: 1e-05, iterations: "
           "4690}}}, wrappers: [{clip_by_norm: {}}, {ema: {}}]}");
  const std::string narrow = Shown({"validate", file});
  EXPECT_THAT(narrow, HasSubstr("optimizer.adam.step_size\n  cosine: {initial: 0.002,"));
  EXPECT_THAT(narrow, HasSubstr("STEP SIZE\n"));
  Shown({"validate", file}, 80);
  const Result examples = RunAt("", {"example"}, {.terminal = true, .columns = 40});
  for (const std::string& line : Lines(examples.out)) EXPECT_LE(Width(line), 40u) << line;
}

TEST_F(CliTerminalTest, AnswersAreBrokenWhereTheTerminalEnds) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 8);
  const std::string answer = Shown({"set", "x", "step_size=0.01", "beta1*=0.5"});
  EXPECT_THAT(answer, StartsWith("iteration 7: optimizer.adam.step_size\n0.1 → 0.01, "));
  service_.Finish(name, v1::FAILED);
  const Result wait = Descent({"wait", "x"}, {.terminal = true, .columns = 20});
  EXPECT_THAT(wait.out, StartsWith("jobs/x  \x1b[1;31mFAILED\x1b[0m: "));
  for (const std::string& line : Lines(wait.out)) EXPECT_LE(Width(line), 20u) << line;
}

}  // namespace
}  // namespace descent::cli
