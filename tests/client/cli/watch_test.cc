// Tests of the command watch, on a terminal and into a pipe.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/client/cli/cli_fixture.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kEscape = '\x1b';

class CliWatchTest : public CliTest {};

TEST_F(CliWatchTest, WatchPrintsEveryEventOnceWithoutEscapeCodes) {
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

TEST_F(CliWatchTest, WatchNamesTheSeries) {
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

TEST_F(CliWatchTest, JsonSaysNumbersThatAreZero) {
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

TEST_F(CliWatchTest, WatchWritesJsonLines) {
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

TEST_F(CliWatchTest, FollowDrawsALiveLineOnATerminal) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 100);
  const std::string line = "iteration 99/4,690 (2%)  value 0.01  step size 0.1";
  const Result result = Descent(
      {"watch", "x"}, {.terminal = true,
                       .on_flush = WhenShown(line, [&] { service_.Finish(name, v1::SUCCEEDED); })});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out,
              AllOf(HasSubstr(line), HasSubstr("SUCCEEDED"), Not(HasSubstr("iteration 98"))));
}

TEST_F(CliWatchTest, InterruptDetachesAndSaysHowToComeBack) {
  const std::string name = service_.AddJob("x");
  std::atomic<bool> interrupted = true;
  const Result result = Descent({"watch", "x"}, {.interrupted = &interrupted});
  EXPECT_EQ(result.code, 130);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("detached; jobs/x goes on"), HasSubstr("descent watch x --from ")));
}

// All iterations of a fast job are gigabytes.
TEST_F(CliWatchTest, SaysOnceHowToWriteFewerIterations) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 10'001);
  service_.Finish(name, v1::SUCCEEDED);
  EXPECT_EQ(Descent({"watch", "x"}).err,
            "descent: 10,000 iterations written so far; --every 1000 writes one in a thousand, "
            "--kinds evaluation,state_changed none\n");
  EXPECT_EQ(Descent({"watch", "x", "--every", "2"}).err, "");
}

}  // namespace
}  // namespace descent::cli
