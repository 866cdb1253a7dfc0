// Tests of what the command line is: help, options, how it is refused, where the server is.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "descent/v1/command.pb.h"
#include "tests/client/cli/cli_fixture.h"
#include "tests/client/fake/fake_stub.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

class CliUsageTest : public CliTest {};

TEST_F(CliUsageTest, EveryCommandHasHelp) {
  const Result help = RunAt("", {"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, StartsWith("Usage: descent [OPTION]... COMMAND\n"));
  const std::vector<std::string> commands = Subcommands();
  EXPECT_THAT(commands, IsSupersetOf({"submit", "validate", "example", "list", "get", "wait",
                                      "delete", "watch", "predict", "completion"}));
  // Whatever a job can be asked for has a subcommand of that name.
  const google::protobuf::OneofDescriptor* kinds =
      v1::Command::descriptor()->FindOneofByName("kind");
  for (int i = 0; i < kinds->field_count(); ++i) {
    EXPECT_THAT(commands, Contains(kinds->field(i)->name()));
  }
  for (const std::string& command : commands) {
    EXPECT_THAT(help.out, HasSubstr("\n  " + command + " "));
    const Result own = RunAt("", {command, "--help"});
    EXPECT_EQ(own.code, 0);
    EXPECT_EQ(own.err, "");
    EXPECT_THAT(own.out, StartsWith("Usage: descent " + command + " [OPTION]..."));
    for (const absl::string_view line : absl::StrSplit(own.out, '\n')) {
      EXPECT_LE(line.size(), 80u) << line;
    }
  }
  EXPECT_THAT(RunAt("", {"--version"}).out, StartsWith("descent 0."));
}

TEST_F(CliUsageTest, UsageErrorsExitWith2AndSayWhatIsMeant) {
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
           {"token", "list", "extra"},
           {"token", "list", "--role", "viewer"},
           {"token", "list", "--ttl", "1s"},
           {"token", "revoke"},
           {"token", "revoke", "1f2e3d4c", "-o", "x"},
           {"token", "create", "extra", "--role", "viewer"},
           {"token", "create", "--role", "viewer", "-o", "-"},
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

TEST_F(CliUsageTest, SaysWhatIsWrongWithATokensFile) {
  const std::string insecure = "--insecure";
  EXPECT_EQ(Descent({"list", "--token_file", folder_, insecure}).err,
            "descent: --token_file: " + folder_ + " is a folder\n");
  setenv("DESCENT_TOKEN_FILE", Output("nowhere").c_str(), /*replace=*/1);
  EXPECT_THAT(Descent({"list", insecure}).err,
              StartsWith("descent: $DESCENT_TOKEN_FILE: " + Output("nowhere")));
  unsetenv("DESCENT_TOKEN_FILE");
  const std::string token = File("token", "descent_secret\n");
  ASSERT_EQ(chmod(token.c_str(), 0640), 0);
  const Result warned = Descent({"list", "--token_file", token, insecure});
  EXPECT_EQ(warned.code, 0);
  EXPECT_EQ(warned.err, "descent: --token_file: others can read " + token +
                            "; `chmod 600` keeps the token yours\n");
  ASSERT_EQ(chmod(token.c_str(), 0600), 0);
  EXPECT_EQ(Descent({"list", "--token_file", token, insecure}).err, "");
}

TEST_F(CliUsageTest, OptionsTakeDashesAndSuggestTheNearest) {
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

TEST_F(CliUsageTest, AServerThatIsNotThereExitsWith3) {
  client::FakeClock clock;
  const absl::Time start = clock.Now();
  const Result result = RunAt("unix:/nonexistent/descentd", {"list"}, {.clock = &clock});
  // One that was started by the line before it may need some seconds.
  EXPECT_GT(clock.Now() - start, absl::Seconds(4));
  EXPECT_LE(clock.Now() - start, absl::Seconds(5));
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(StartsWith("descent: no answer from unix:/nonexistent/descentd"),
                                HasSubstr("is descentd running?")));
}

TEST_F(CliUsageTest, AServersUrlIsNotItsAddress) {
  const Result result = RunAt("http://127.0.0.1:7600", {"list"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, StartsWith("descent: http://127.0.0.1:7600 is a URL; "));
}

TEST_F(CliUsageTest, OptionsAreRefusedAtTheDoor) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"get", "caf\xe9"}, "JOB: `caf\uFFFD` is not UTF-8"},
      {{"submit", "x.yaml", "--label", "k=\xe9"}, "--label: `k=\uFFFD` is not UTF-8"},
      {{"list", "--filter", "\xe9"}, "--filter: `\uFFFD` is not UTF-8"},
      {{"pause", "x", "--at", "-5"}, "--at: must be at least 0, not -5"},
      {{"pause", "x", "--at", "1e9"}, "--at: `1e9` is not a whole number in decimal digits"},
      {{"pause", "x", "--timeout", "-5"}, "--timeout: must be 0 or more, not -5"},
      {{"wait", "x", "--timeout", "0"}, "--timeout: must be more than 0, not 0"},
      {{"wait", "x", "--timeout", "soon"}, "--timeout: `soon` is not a number of seconds"},
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

TEST_F(CliUsageTest, HelpIsACommandToo) {
  EXPECT_EQ(RunAt("", {"help"}).out, RunAt("", {"--help"}).out);
  EXPECT_EQ(RunAt("", {"help", "submit"}).out, RunAt("", {"submit", "--help"}).out);
}

TEST_F(CliUsageTest, CompletionKnowsJobsAndDials) {
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

}  // namespace
}  // namespace descent::cli
