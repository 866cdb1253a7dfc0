#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/cli/app.h"
#include "client/cli/examples.h"
#include "client/cli/format.h"
#include "client/cpp/spec_text.h"
#include "proto/rpc_status.h"
#include "tests/client/fake/fake_service.h"
#include "tests/client/fake/fake_stub.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kEscape = '\x1b';

struct Result {
  int code = -1;
  std::string out;
  std::string err;
};

class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    char folder[] = "/tmp/descent-cli-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~CliTest() override {
    for (const std::string& file : files_) std::remove(file.c_str());
    rmdir(folder_.c_str());
  }

  Result RunAt(const std::string& server, std::vector<std::string> arguments, bool terminal = false,
               std::atomic<bool>* interrupted = nullptr, int columns = 80,
               client::Clock* clock = client::Clock::Real()) {
    if (!server.empty()) {
      arguments.push_back("--server");
      arguments.push_back(server);
    }
    std::ostringstream out, err;
    Io io{.out = out, .err = err};
    io.terminal = terminal;
    io.columns = [columns] { return columns; };
    io.colour = terminal;
    io.interrupted = interrupted;
    io.clock = clock;
    const int code = cli::Run(arguments, io);
    return {code, out.str(), err.str()};
  }
  Result Descent(const std::vector<std::string>& arguments, bool terminal = false) {
    return RunAt(service_.address(), arguments, terminal);
  }

  std::string File(const std::string& name, const std::string& text) {
    files_.push_back(folder_ + "/" + name);
    std::ofstream(files_.back()) << text;
    return files_.back();
  }

  client::FakeService service_;
  std::string folder_;
  std::vector<std::string> files_;
};

TEST_F(CliTest, EveryCommandHasHelp) {
  const Result help = RunAt("", {"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, StartsWith("Usage: descent [OPTION]... COMMAND\n"));
  for (const char* command :
       {"submit", "validate", "example", "list", "get", "wait", "delete", "watch", "set", "scale",
        "release", "pause", "resume", "stop", "checkpoint", "evaluate", "predict", "completion"}) {
    EXPECT_THAT(help.out, HasSubstr("\n  " + std::string(command) + " "));
    const Result own = RunAt("", {command, "--help"});
    EXPECT_EQ(own.code, 0);
    EXPECT_EQ(own.err, "");
    EXPECT_THAT(own.out, StartsWith("Usage: descent " + std::string(command) + " [OPTION]..."));
    for (const absl::string_view line : absl::StrSplit(own.out, '\n')) {
      EXPECT_LE(line.size(), 80u) << line;
    }
  }
  EXPECT_THAT(RunAt("", {"--version"}).out, StartsWith("descent 0."));
}

TEST_F(CliTest, UsageErrorsExitWith2AndSayWhatIsMeant) {
  const Result unknown = RunAt("", {"wathc", "x"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_EQ(unknown.err,
            "descent: there is no command `wathc` (did you mean `watch`?)\n"
            "Try `descent --help`.\n");
  EXPECT_EQ(unknown.out, "");
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {},
           {"get"},
           {"get", "a", "b"},
           {"get", "x", "--frobnicate"},
           {"set", "x"},
           {"set", "x", "step_size"},
           {"set", "x", "step_size=fast"},
           {"set", "x", "=1"},
           {"set", "x", "step_size=1", "--at", "-3"},
           {"set", "x", "step_size=1", "--at", "010"},  // CLI11's eight
           {"set", "x", "step_size=1", "--at", "0x10"},
           {"set", "x", "step_size=0x10"},
           {"watch", "x", "--every", "0x10"},
           {"watch", "x", "--from", "010"},
           {"list", "--limit", "0x10"},
           {"watch", "x", "--kinds", "iteratoin"},
           {"watch", "x", "--from", "1", "--new"},
           {"completion", "tcsh"},
           {"predict", "x"},
           {"predict", "x", "-o", "p.txt"},
           {"predict", "x", "-o", "p.npy", "--set", "path=a"},
           {"predict", "x", "-o", "p.npy", "--classes", "--probabilities"},
           {"submit", "x.yaml", "--label", "=v"}}) {
    const Result result = Descent(arguments);
    EXPECT_EQ(result.code, 2) << ::testing::PrintToString(arguments);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, Not(HasSubstr("internal")));
  }
}

TEST_F(CliTest, OptionsTakeDashesAndSuggestTheNearest) {
  const std::string file = File("s.yaml", "optimizer: {adam: {step_size: 1e-3}}\n");
  EXPECT_EQ(Descent({"submit", file, "--job-id", "mine", "--request-id=r"}).code, 0);
  EXPECT_EQ(service_.creations().at(0).job_id(), "mine");
  EXPECT_EQ(service_.creations().at(0).request_id(), "r");
  EXPECT_EQ(Descent({"submit", file, "--jop-id", "x"}).err,
            "descent: there is no option `--jop-id` (did you mean `--job_id`?)\n"
            "Try `descent submit --help`.\n");
  EXPECT_THAT(RunAt("", {"--sever=x", "list"}).err,
              StartsWith("descent: there is no option `--sever` (did you mean `--server`?)\n"));
  EXPECT_THAT(Descent({"get", "a", "b"}).err,
              StartsWith("descent: `b` is one argument too many\n"));
}

TEST_F(CliTest, AServerThatIsNotThereExitsWith3) {
  client::FakeClock clock;
  const absl::Time start = clock.Now();
  const Result result = RunAt("unix:/nonexistent/descentd", {"list"}, false, nullptr, 80, &clock);
  // One that was started by the line before it may need some seconds.
  EXPECT_GT(clock.Now() - start, absl::Seconds(4));
  EXPECT_LE(clock.Now() - start, absl::Seconds(5));
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(StartsWith("descent: no answer from unix:/nonexistent/descentd"),
                                HasSubstr("is descentd running?")));
}

TEST_F(CliTest, AServersUrlIsNotItsAddress) {
  const Result result = RunAt("http://127.0.0.1:7600", {"list"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, StartsWith("descent: http://127.0.0.1:7600 is a URL; "));
}

TEST_F(CliTest, OptionsAreRefusedAtTheDoor) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"get", "caf\xe9"}, "JOB: `caf\uFFFD` is not UTF-8"},
      {{"submit", "x.yaml", "--label", "k=\xe9"}, "--label: `k=\uFFFD` is not UTF-8"},
      {{"list", "--filter", "\xe9"}, "--filter: `\uFFFD` is not UTF-8"},
      {{"pause", "x", "--at", "-5"}, "--at: must be at least 0, not -5"},
      {{"pause", "x", "--at", "1e9"}, "--at: `1e9` is not a whole number in decimal digits"},
      {{"submit", "x.yaml", "--name", "a", "--name", "b"}, "--name is given more than once"},
      {{"set", "x", "step_size+=0.1"}, "`step_size+=0.1`: write PATH=VALUE or PATH*=FACTOR"},
      {{"set", "x", "step_size/=2"}, "`step_size/=2`: write PATH=VALUE or PATH*=FACTOR"},
  };
  for (const auto& [arguments, message] : cases) {
    const Result result = Descent(arguments);
    EXPECT_EQ(result.code, 2) << message;
    EXPECT_THAT(result.err, StartsWith("descent: " + message + "\n"));
  }
}

TEST_F(CliTest, HelpIsACommandToo) {
  EXPECT_EQ(RunAt("", {"help"}).out, RunAt("", {"--help"}).out);
  EXPECT_EQ(RunAt("", {"help", "submit"}).out, RunAt("", {"submit", "--help"}).out);
}

TEST_F(CliTest, RefusalsExitWith1) {
  const Result result = Descent({"get", "none"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.err, "descent: there is no jobs/none\n");
}

TEST_F(CliTest, ListsAllPages) {
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
TEST_F(CliTest, NamesDoNotActOnTheTerminal) {
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

TEST_F(CliTest, SubmitsWithOverridesAndLabels) {
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

// What it tells to type works: no other dial may be meant.
TEST_F(CliTest, TheDialThatSubmitNamesIsTheOnlyOneOfItsName) {
  const std::string file =
      File("s.yaml",
           "optimizer: {adam: {step_size: 1e-3}, groups: [{name: bias, pattern: '*bias', "
           "step_size: 0.1}]}\ndata: {train: {csv: {path: a.csv}}}\n");
  const Result result = Descent({"submit", file, "--job_id", "mine"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("descent set mine 'adam.step_size*=0.5'"));
}

TEST_F(CliTest, RefusedSpecsNameFileLineAndField) {
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

TEST_F(CliTest, ValidateShowsLayersAndDials) {
  const std::string file = File("s.yaml", "optimizer: {adam: {step_size: {cosine: {initial: 1}}}}");
  const Result result = Descent({"validate", file});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("linear  [10]         7,850  plan"),
                                HasSubstr("optimizer.adam.step_size  cosine: {initial: 1}")));
}

TEST_F(CliTest, ValidateShowsTheOptimizerItsGroupsAndTheStepSizeOverTheRun) {
  const std::string file =
      File("s.yaml", "optimizer: {adam: {}, wrappers: [{clip_by_norm: {}}, {ema: {}}]}");
  const Result result = Descent({"validate", file}, true);
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
  EXPECT_THAT(Descent({"validate", file, "--json"}, true).out, Not(HasSubstr("┤")));
}

TEST_F(CliTest, SetPrintsTheAcknowledgement) {
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

TEST_F(CliTest, ADialThatIsNotThereIsToldInPeoplesWords) {
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

TEST_F(CliTest, SetTellsTheEventAsJson) {
  service_.AddJob("x");
  const Result result = Descent({"set", "x", "step_size=0.01", "--json", "--request_id", "r1"});
  v1::Event event;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &event).ok()) << result.out;
  EXPECT_EQ(event.command_applied().request_id(), "r1");
  EXPECT_EQ(event.command_applied().changes(0).new_value(), 0.01);
}

TEST_F(CliTest, EvaluatePrintsTheResult) {
  service_.AddJob("x");
  EXPECT_EQ(Descent({"evaluate", "x"}).out,
            "iteration 0: test accuracy 88.75%, confusion_matrix [[9, 1], [0, 7]]\n");
}

TEST_F(CliTest, WatchPrintsEveryEventOnceWithoutEscapeCodes) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 50);
  service_.Finish(name, v1::FAILED);
  service_.BreakWatches(2, 2);
  const Result result = Descent({"watch", "x"});
  EXPECT_EQ(result.code, 1);  // for scripts: it failed
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), 54u);
  EXPECT_THAT(lines[4], HasSubstr("iteration 1  value 0.5"));
  // Others' text can't write to the terminal.
  EXPECT_THAT(lines.back(), EndsWith("FAILED: the data ?[31mis gone"));
  EXPECT_EQ(result.out.find(kEscape), std::string::npos);
  EXPECT_THAT(result.err, HasSubstr("connection lost"));
}

TEST_F(CliTest, WatchNamesTheSeries) {
  const std::string name = service_.AddJob("gan");
  v1::Event event;
  for (const char* path :
       {"generator.value", "discriminator.value", "discriminator.optimizer.adam.beta1",
        "generator.optimizer.sgd.step_size"}) {
    event.mutable_series()->add_names(path);
  }
  service_.AddEvent(name, event);
  event.mutable_iteration()->set_index(0);
  service_.AddEvent(name, event);
  event.mutable_iteration()->set_index(1);
  for (const double scalar : {0.75, 1.25, 0.9, 0.02})
    event.mutable_iteration()->add_scalars(scalar);
  service_.AddEvent(name, event);
  service_.Finish(name, v1::SUCCEEDED);
  const std::string fields =
      "generator.value 0.75  discriminator.value 1.25  beta1 0.9  step_size 0.02\n";
  const Result result = Descent({"watch", "gan"});
  EXPECT_THAT(result.out, HasSubstr(fields));
  // From the middle, where the event that names them is not read.
  const Result later = Descent({"watch", "gan", "--from", "5"});
  EXPECT_THAT(later.out, HasSubstr(fields));
}

TEST_F(CliTest, NarrowTerminalsGetWholeFields) {
  const std::string name = service_.AddJob("x");
  service_.AddJob("another-with-a-very-long-identifier-that-no-column-can-hold");
  service_.AddIterations(name, 100);
  const auto lines = [](const std::string& text) {
    std::vector<std::string> shown;
    for (const absl::string_view piece :
         absl::StrSplit(text, absl::ByAnyChar("\r\n"), absl::SkipEmpty())) {
      std::string line(piece);
      for (const char* code : {"\x1b[K", "\x1b[0m", "\x1b[1m", "\x1b[1;31m"}) {
        line = absl::StrReplaceAll(line, {{code, ""}});
      }
      shown.push_back(line);
    }
    return shown;
  };
  const Result list = RunAt(service_.address(), {"list"}, true, nullptr, 40);
  EXPECT_THAT(list.out, AllOf(HasSubstr("JOB"), HasSubstr("STATE"), Not(HasSubstr("SUBMITTED"))));
  for (const std::string& line : lines(list.out)) EXPECT_LE(Width(line), 40u) << line;
  EXPECT_THAT(RunAt(service_.address(), {"list"}).out, HasSubstr("SUBMITTED"));

  v1::Event event;
  event.mutable_evaluation()->set_dataset("/data/of/a/long/path/that/no/line/of/them/holds.csv");
  service_.AddEvent(name, event);
  const Result get = RunAt(service_.address(), {"get", "x"}, true, nullptr, 40);
  EXPECT_THAT(get.out, HasSubstr("  evaluation      /data/of/a/long/path/\n"
                                 "                  that/no/line/of/them/\n"
                                 "                  holds.csv"));
  for (const std::string& line : lines(get.out)) EXPECT_LE(Width(line), 40u) << line;
  // Values go below their dials.
  EXPECT_THAT(RunAt(service_.address(), {"get", "x"}, true, nullptr, 30).out,
              HasSubstr("    optimizer.adam.step_size\n      0.1\n"));

  std::thread finish([&] {
    // Long enough for the line to be drawn.
    absl::SleepFor(absl::Milliseconds(200));
    service_.Finish(name, v1::FAILED);
  });
  const Result watch = RunAt(service_.address(), {"watch", "x"}, true, nullptr, 40);
  finish.join();
  EXPECT_THAT(lines(watch.out), Contains("iteration 99/4,690 (2%)  value 0.01"));
  for (const std::string& line : lines(watch.out)) EXPECT_LE(Width(line), 40u) << line;
}

TEST_F(CliTest, JsonSaysNumbersThatAreZero) {
  const std::string name = service_.AddJob("x");
  v1::Event event;
  event.mutable_iteration()->set_index(0);
  service_.AddEvent(name, event);
  v1::Metric* metric = event.mutable_evaluation()->add_metrics();
  metric->set_name("accuracy");
  service_.AddEvent(name, event);
  service_.Finish(name, v1::SUCCEEDED);
  const std::string out = Descent({"watch", "x", "--json"}).out;
  EXPECT_THAT(out, AllOf(HasSubstr("\"iteration\":{\"index\":\"0\",\"value\":0,"),
                         HasSubstr("{\"name\":\"accuracy\",\"value\":0,")));
}

TEST_F(CliTest, WatchWritesJsonLines) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 20);
  service_.Finish(name, v1::SUCCEEDED);
  const Result result =
      Descent({"watch", "x", "--json", "--kinds", "ITERATION", "--from", "5", "--every", "2"});
  EXPECT_EQ(result.code, 0);
  std::vector<int64_t> indices;
  for (const absl::string_view line : absl::StrSplit(result.out, '\n', absl::SkipEmpty())) {
    v1::Event event;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(std::string(line), &event).ok());
    indices.push_back(event.iteration().index());
  }
  EXPECT_EQ(indices, (std::vector<int64_t>{2, 4, 6, 8, 10, 12, 14, 16, 18}));
  const std::string first = Descent({"watch", "x", "--json", "--kinds", "ITERATION"}).out;
  EXPECT_THAT(first.substr(0, first.find('\n')), HasSubstr("\"iteration\":{\"index\":\"0\","));
}

TEST_F(CliTest, FollowDrawsALiveLineOnATerminal) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 100);
  std::thread finish([&] {
    // Long enough for the line to be drawn; what is asserted does not depend on it.
    absl::SleepFor(absl::Milliseconds(200));
    service_.Finish(name, v1::SUCCEEDED);
  });
  const Result result = RunAt(service_.address(), {"watch", "x"}, /*terminal=*/true);
  finish.join();
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("iteration 99/4,690 (2%)  value 0.01  step size 0.1"),
                                HasSubstr("SUCCEEDED"), Not(HasSubstr("iteration 98"))));
}

TEST_F(CliTest, InterruptDetachesAndSaysHowToComeBack) {
  const std::string name = service_.AddJob("x");
  std::atomic<bool> interrupted = true;
  const Result result = RunAt(service_.address(), {"watch", "x"}, false, &interrupted);
  EXPECT_EQ(result.code, 130);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("detached; jobs/x goes on"), HasSubstr("descent watch x --from ")));
}

TEST_F(CliTest, SubmitFollowExitsByTheJobsEnd) {
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

TEST_F(CliTest, WaitExitsWith0OnlyForSuccess) {
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

constexpr char kFullDisk[] = "the disk of /data is full (0 bytes free); waiting for room";

TEST_F(CliTest, GetAndListSayThatNothingMoves) {
  service_.SetStalled(service_.AddJob("x"), kFullDisk);
  EXPECT_THAT(Descent({"get", "x"}).out, HasSubstr(kFullDisk));
  service_.SetStalled(service_.AddJob("y"), kFullDisk);
  const Result list = Descent({"list"});
  EXPECT_EQ(list.code, 0);
  EXPECT_EQ(list.err, absl::StrCat("descent: nothing moves at present: ", kFullDisk, "\n"));
}

// Both hear it from the watch, when it begins and when it is over.
TEST_F(CliTest, WaitAndWatchSayWhyNothingMoves) {
  for (const char* command : {"wait", "watch"}) {
    const std::string name = service_.AddJob(command);
    service_.SetStalled(name, kFullDisk);
    const size_t watches = service_.watches().size();
    std::thread room([&] {
      while (service_.watches().size() == watches) std::this_thread::yield();
      // The first message says it; the last one not.
      while (service_.messages(name) == 0) std::this_thread::yield();
      service_.SetStalled(name, "");
      service_.Finish(name, v1::SUCCEEDED);
    });
    const Result result = Descent({command, command});
    room.join();
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.err, absl::StrCat("descent: nothing moves at present: ", kFullDisk,
                                       "\ndescent: it goes on\n"));
  }
}

// Waits a moment where it says a second.
class QuickClock final : public client::Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  void Sleep(absl::Duration, const absl::Notification* stop) override {
    if (stop != nullptr) stop->WaitForNotificationWithTimeout(absl::Milliseconds(1));
  }
};

TEST_F(CliTest, ACommandThatWaitsSaysWhy) {
  const std::string name = service_.AddJob("x");
  service_.SetStalled(name, kFullDisk);
  std::thread room([&] {
    while (service_.reads(name) == 0) std::this_thread::yield();
    service_.SetStalled(name, "");
  });
  QuickClock clock;
  const Result result =
      RunAt(service_.address(), {"set", "x", "step_size=0.2"}, false, nullptr, 80, &clock);
  room.join();
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.err,
              StartsWith(absl::StrCat("descent: nothing moves at present: ", kFullDisk, "\n")));
  EXPECT_THAT(result.out, HasSubstr("0.2"));
}

TEST_F(CliTest, DeleteNeedsForceForALiveJob) {
  service_.AddJob("x");
  const Result refused = Descent({"delete", "x"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.err, "descent: jobs/x is not over: stop it first, or use --force\n");
  EXPECT_EQ(Descent({"delete", "x", "--force"}).out, "jobs/x deleted\n");
  EXPECT_EQ(Descent({"delete", "x"}).code, 1);
}

TEST_F(CliTest, ExamplesAreSpecs) {
  const Result list = RunAt("", {"example"});
  for (const Example& example : Examples()) {
    const bool data = example.name.ends_with(".csv");
    EXPECT_EQ(list.out.find(std::string(example.name) + " ") == std::string::npos, data);
    const Result text = RunAt("", {"example", std::string(example.name)});
    EXPECT_EQ(text.code, 0);
    if (data) continue;
    EXPECT_TRUE(client::ParseSpec(text.out, "x.yaml").ok());
  }
  EXPECT_THAT(RunAt("", {"example", "fashion_mnist"}).err, HasSubstr("there is no example"));
  EXPECT_EQ(RunAt("", {"example", "none"}).code, 1);
}

TEST_F(CliTest, CompletionKnowsJobsAndDials) {
  service_.AddJob("alpha");
  service_.Finish(service_.AddJob("beta"), v1::SUCCEEDED);
  const auto complete = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"__complete", "--", "--server", service_.address()});
    return RunAt("", words).out;
  };
  EXPECT_THAT(complete({"se"}), StartsWith("set\t"));
  EXPECT_EQ(complete({"get", ""}), "alpha\tRUNNING\nbeta\tSUCCEEDED\n");
  EXPECT_EQ(complete({"set", ""}), "alpha\tRUNNING\n");
  EXPECT_EQ(complete({"set", "alpha", "st"}), "step_size=\toptimizer.adam.step_size, now 0.1\n");
  EXPECT_EQ(complete({"release", "alpha", "optimizer.adam.b"}),
            "optimizer.adam.beta1\toptimizer.adam.beta1, now 0.9\n");
  EXPECT_EQ(complete({"watch", "alpha", "--kinds", "evaluation,iter"}), "evaluation,iteration\n");
  EXPECT_EQ(complete({"submit", ""}), ":files\n");
  EXPECT_EQ(complete({"set", "none", ""}), "");
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_THAT(RunAt("", {"completion", shell}).out, HasSubstr("__complete"));
  }
}

// ----------------------------------------------------------------------------------- predicting

template <class T>
std::string BytesOf(const std::vector<T>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}

class CliPredictTest : public CliTest {
 protected:
  // Two rows of two scores, cut into pieces anywhere.
  CliPredictTest() {
    service_.AddJob("a");
    v1::PredictJobResponse header;
    header.mutable_header()->set_checkpoint("0-40");
    header.mutable_header()->set_iteration(40);
    header.mutable_header()->set_rows(2);
    header.mutable_header()->add_shape(2);
    header.mutable_header()->set_dtype("float32");
    header.mutable_header()->set_has_classes(true);
    responses_.push_back(header);
    const std::string values = BytesOf<float>({0.1F, -2.0F, 3.0F, 1e-30F});
    const std::string classes = BytesOf<int64_t>({0, 1});
    for (const auto& [begin, end] : {std::pair<size_t, size_t>(0, 3), {3, 11}, {11, 16}}) {
      v1::PredictJobResponse rows;
      rows.mutable_rows()->set_values(values.substr(begin, end - begin));
      rows.mutable_rows()->set_classes(classes.substr(begin, end - begin));
      responses_.push_back(rows);
    }
    service_.SetPrediction(responses_);
  }

  std::string Output(const std::string& name) {
    files_.push_back(folder_ + "/" + name);
    return files_.back();
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // What is in the folder; nothing that was begun may stay.
  std::vector<std::string> Listing() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::vector<v1::PredictJobResponse> responses_;
};

TEST_F(CliPredictTest, WritesATableWithTheClasses) {
  const std::string file = Output("p.csv");
  const Result result = Descent({"predict", "a", "-o", file, "--checkpoint", "40"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, file +
                            ": 2 rows of [2] float32, by jobs/a at iteration 40 (checkpoint "
                            "0-40)\n");
  EXPECT_EQ(Read(file), "row,prediction_0,prediction_1,class\n0,0.1,-2,0\n1,3,1e-30,1\n");
  EXPECT_EQ(service_.predictions()[0].checkpoint(), "40");
  EXPECT_FALSE(service_.predictions()[0].has_data());
  EXPECT_EQ(Descent({"predict", "a", "-o", "/nonexistent/x.csv"}).err,
            "descent: /nonexistent/x.csv: No such file or directory\n");
  // It is there: not without --force.
  service_.SetPrediction({});
  const Result again = Descent({"predict", "a", "-o", file});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("is there already; --force replaces it"));
  EXPECT_EQ(service_.predictions().size(), 1u);
  responses_[0].mutable_header()->add_class_names("no");
  responses_[0].mutable_header()->add_class_names("yes, \"sure\"");
  service_.SetPrediction(responses_);
  EXPECT_EQ(Descent({"predict", "a", "-o", file, "--force", "--probabilities"}).code, 0);
  EXPECT_EQ(Read(file),
            "row,probability_no,\"probability_yes, \"\"sure\"\"\",class\n0,0.1,-2,no\n1,3,1e-30,"
            "\"yes, \"\"sure\"\"\"\n");
  EXPECT_EQ(service_.predictions()[1].form(), v1::PredictJobRequest::PROBABILITIES);
  EXPECT_THAT(Listing(), ::testing::ElementsAre("p.csv"));
}

TEST_F(CliPredictTest, TakesNamesOfClassesInParts) {
  const std::string file = Output("p.csv");
  responses_[0].mutable_header()->add_class_names("no");
  v1::PredictJobResponse more;
  more.mutable_class_names()->add_class_names("yes");
  responses_.insert(responses_.begin() + 1, more);
  service_.SetPrediction(responses_);
  EXPECT_EQ(Descent({"predict", "a", "-o", file, "--probabilities"}).code, 0);
  EXPECT_EQ(Read(file), "row,probability_no,probability_yes,class\n0,0.1,-2,no\n1,3,1e-30,yes\n");
  std::swap(responses_[1], responses_.back());
  service_.SetPrediction(responses_);
  EXPECT_THAT(Descent({"predict", "a", "-o", file, "--force"}).err,
              HasSubstr("names of classes after rows"));
}

TEST_F(CliPredictTest, RowsAreThoseOfTheDataAndPicturesHaveNames) {
  responses_[0].mutable_header()->set_has_places(true);
  responses_[0].mutable_header()->set_has_files(true);
  responses_[1].mutable_rows()->add_places(3);
  responses_[1].mutable_rows()->add_files("cat/1.png");
  responses_[2].mutable_rows()->add_files("a, b.png");
  responses_[3].mutable_rows()->add_places(7);
  service_.SetPrediction(responses_);
  const std::string table = Output("p.csv");
  const Result result = Descent({"predict", "a", "-o", table});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Read(table),
            "row,file,prediction_0,prediction_1,class\n3,cat/1.png,0.1,-2,0\n7,\"a, "
            "b.png\",3,1e-30,1\n");
  EXPECT_THAT(Descent({"predict", "a", "-o", Output("p.npy")}).err,
              HasSubstr("a .npy file does not say which rows of the data these are"));
}

TEST_F(CliPredictTest, ClassesAloneHaveNoShape) {
  v1::PredictJobResponse header = responses_[0];
  header.mutable_header()->clear_shape();
  header.mutable_header()->set_dtype("int64");
  header.mutable_header()->set_has_classes(false);
  v1::PredictJobResponse rows;
  rows.mutable_rows()->set_values(BytesOf<int64_t>({1, 0}));
  service_.SetPrediction({header, rows});
  const std::string file = Output("c.csv");
  EXPECT_THAT(Descent({"predict", "a", "-o", file, "--classes"}).out,
              StartsWith(file + ": 2 rows of int64, by jobs/a"));
  EXPECT_EQ(Read(file), "row,class\n0,1\n1,0\n");
}

TEST_F(CliPredictTest, WritesWhatNumpyReads) {
  const std::string file = Output("p.npy");
  const Result result = Descent({"predict", "a", "--output", file, "--json"});
  EXPECT_EQ(result.code, 0) << result.err;
  v1::PredictionHeader summary;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &summary).ok());
  EXPECT_EQ(summary.iteration(), 40);
  const std::string bytes = Read(file);
  ASSERT_EQ(bytes.size(), 128u + 16u);
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_THAT(bytes.substr(10, 118),
              AllOf(StartsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), } "),
                    EndsWith(" \n")));
  EXPECT_EQ(bytes.substr(128), BytesOf<float>({0.1F, -2.0F, 3.0F, 1e-30F}));
}

TEST_F(CliPredictTest, WhatIsNotWholeIsNotThere) {
  const std::string file = folder_ + "/p.npy";
  service_.SetPrediction(
      {responses_[0], responses_[1]},
      ToGrpcStatus(MakeError(absl::StatusCode::kUnavailable, "it died; ask again", "WORKER_DIED")));
  const Result died = Descent({"predict", "a", "-o", file});
  EXPECT_EQ(died.code, 1);
  EXPECT_EQ(died.err, "descent: it died; ask again\n");
  service_.SetPrediction({responses_[0], responses_[1]});
  const Result ended = Descent({"predict", "a", "-o", file});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("ended after 0 of 2 rows"));
  EXPECT_EQ(Descent({"predict", "none", "-o", file}).err, "descent: there is no jobs/none\n");
  EXPECT_THAT(Descent({"predict", "a", "-o", folder_ + "/none/p.npy"}).err,
              HasSubstr("No such file or directory"));
  EXPECT_THAT(Listing(), ::testing::IsEmpty());
  std::atomic<bool> interrupted = true;
  const Result stopped =
      RunAt(service_.address(), {"predict", "a", "-o", file}, false, &interrupted);
  EXPECT_THAT(stopped.code, ::testing::AnyOf(1, 130));
}

TEST_F(CliPredictTest, DataAreAFileOrSayWhatTheyAre) {
  const auto data = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"predict", "a", "-o", Output("d.csv"), "--force", "--data"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Result result = Descent(all);
    EXPECT_EQ(result.code, 0) << result.err;
    return service_.predictions().back().data();
  };
  EXPECT_EQ(data({"/x/new.csv"}).csv().path(), "/x/new.csv");
  EXPECT_EQ(data({"/x/t.tsv"}).csv().delimiter(), "\t");
  EXPECT_EQ(data({"/x/a.npy"}).npy().inputs(), "/x/a.npy");
  EXPECT_EQ(data({"/x/a.npz", "--set", "inputs=x"}).npz().inputs(), "x");
  EXPECT_EQ(data({"/x/a-idx3-ubyte.gz"}).idx().inputs(), "/x/a-idx3-ubyte.gz");
  EXPECT_EQ(data({"/x/a.txt", "--set", "context=8"}).text().context(), 8);
  EXPECT_EQ(data({folder_}).image_folder().path(), folder_);
  // Relative paths: from the working folder, in a file from the file's.
  EXPECT_EQ(data({"new.csv"}).csv().path(), std::filesystem::current_path() / "new.csv");
  const std::string file = File("d.yaml", "csv: {path: other.csv, ignore: id}\n");
  EXPECT_EQ(data({file}).csv().path(), folder_ + "/other.csv");
  EXPECT_EQ(data({file}).csv().ignore(0), "id");
  EXPECT_EQ(data({file, "--set", "path=/y.csv"}).csv().path(), "/y.csv");
  const Result unknown = Descent({"predict", "a", "-o", Output("e.csv"), "--data", "x.parquet"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("its name does not tell what it is"));
  EXPECT_THAT(unknown.err, HasSubstr("; write its table as CSV first"));
  EXPECT_THAT(Descent({"predict", "a", "-o", Output("e.csv"), "--data", "x.csv.gz"}).err,
              HasSubstr("; unpack it first"));
  const std::string bad = File("bad.yaml", "csv: {paht: x}\n");
  EXPECT_THAT(Descent({"predict", "a", "-o", Output("e.csv"), "--data", bad}).err,
              HasSubstr(bad + ":1:7: csv.paht: unknown field (did you mean `path`?)"));
}

TEST_F(CliPredictTest, ShowsProgressOnATerminal) {
  std::ostringstream out, err;
  Io io{.out = out, .err = err};
  io.error_terminal = true;
  EXPECT_EQ(cli::Run({"predict", "a", "-o", Output("p.csv"), "--server", service_.address()}, io),
            0);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("/2 rows ("), EndsWith("\x1b[K")));
}

TEST_F(CliPredictTest, CompletesFiles) {
  EXPECT_EQ(RunAt("", {"__complete", "--", "predict", "a", "--data", ""}).out, ":files\n");
  EXPECT_EQ(RunAt("", {"__complete", "--", "predict", "a", "-o", ""}).out, ":files\n");
  EXPECT_THAT(RunAt("", {"__complete", "--", "predict", "--pro"}).out,
              StartsWith("--probabilities"));
}

}  // namespace
}  // namespace descent::cli
