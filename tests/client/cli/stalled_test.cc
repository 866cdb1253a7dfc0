// What people are told while nothing moves, as the daemon's disk is full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <ostream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/app.h"
#include "client/cli/io.h"
#include "client/cpp/clock.h"
#include "tests/client/cli/cli_fixture.h"

namespace descent::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kFullDisk[] = "the disk of /data is full (0 bytes free); waiting for room";

class CliStalledTest : public CliTest {};

TEST_F(CliStalledTest, GetAndListSayThatNothingMoves) {
  service_.SetStalled(service_.AddJob("x"), kFullDisk);
  EXPECT_THAT(Descent({"get", "x"}).out, HasSubstr(kFullDisk));
  service_.SetStalled(service_.AddJob("y"), kFullDisk);
  const Result list = Descent({"list"});
  EXPECT_EQ(list.code, 0);
  EXPECT_EQ(list.err, absl::StrCat("descent: nothing moves at present: ", kFullDisk, "\n"));
}

// Both hear it from the watch, when it begins and when it is over.
TEST_F(CliStalledTest, WaitAndWatchSayWhyNothingMoves) {
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

TEST_F(CliStalledTest, ACommandThatWaitsSaysWhy) {
  const std::string name = service_.AddJob("x");
  service_.SetStalled(name, kFullDisk);
  std::thread room([&] {
    while (service_.reads(name) == 0) std::this_thread::yield();
    service_.SetStalled(name, "");
  });
  QuickClock clock;
  const Result result = Descent({"set", "x", "step_size=0.2"}, {.clock = &clock});
  room.join();
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.err,
              StartsWith(absl::StrCat("descent: nothing moves at present: ", kFullDisk, "\n")));
  EXPECT_THAT(result.out, HasSubstr("0.2"));
}

// Shows what was written whenever it is flushed.
class SeenBuffer final : public std::stringbuf {
 public:
  explicit SeenBuffer(std::function<void(const std::string&)> seen) : seen_(std::move(seen)) {}
  int sync() override {
    seen_(str());
    return 0;
  }

 private:
  const std::function<void(const std::string&)> seen_;
};

TEST_F(CliStalledTest, ACommandThatWaitsTellsTheNoticesSince) {
  const std::string name = service_.AddJob("x");
  service_.SetStalled(name, kFullDisk);
  const auto add_notice = [&](const std::string& text) {
    v1::Event event;
    event.mutable_notice()->set_message(text);
    service_.AddEvent(name, event);
  };
  add_notice("of before");
  v1::Event accepted;
  accepted.mutable_command_accepted()->set_request_id("end");
  service_.AddEvent(name, accepted);
  add_notice("The last checkpoint can't be saved: no room.");
  SeenBuffer seen([&](const std::string& text) {
    if (text.find("can't be saved") != std::string::npos) service_.SetStalled(name, "");
  });
  std::ostream err(&seen);
  std::ostringstream out;
  QuickClock clock;
  Io io{.out = out, .err = err};
  io.clock = &clock;
  EXPECT_EQ(cli::Run({"stop", "x", "--request_id", "end", "--server", service_.address()}, io), 0);
  EXPECT_THAT(seen.str(), HasSubstr("\ndescent: The last checkpoint can't be saved: no room.\n"));
  EXPECT_THAT(seen.str(), Not(HasSubstr("of before")));
}

// A fast job's checkpoints fail many times a second.
TEST_F(CliStalledTest, OfNoticesThatDifferInNumbersAloneThereAreTwoLines) {
  const std::string name = service_.AddJob("x");
  service_.SetStalled(name, kFullDisk);
  v1::Event event;
  event.mutable_command_accepted()->set_request_id("end");
  service_.AddEvent(name, event);
  for (const char* text : {"Cannot write 0-100.", "Cannot write 0-200.", "Cannot write 0-300.",
                           "It goes on.", "Cannot write 0-400."}) {
    event.mutable_notice()->set_message(text);
    service_.AddEvent(name, event);
  }
  SeenBuffer seen([&](const std::string& text) {
    if (text.find("0-400") != std::string::npos) service_.SetStalled(name, "");
  });
  std::ostream err(&seen);
  std::ostringstream out;
  QuickClock clock;
  Io io{.out = out, .err = err};
  io.clock = &clock;
  EXPECT_EQ(cli::Run({"stop", "x", "--request_id", "end", "--server", service_.address()}, io), 0);
  EXPECT_THAT(seen.str(), HasSubstr("\ndescent: Cannot write 0-100.\n"
                                    "descent: and 2 more like this; the last: Cannot write 0-300.\n"
                                    "descent: It goes on.\n"
                                    "descent: Cannot write 0-400.\n"));
}

TEST_F(CliStalledTest, WaitSaysWhyARunWaitsAtItsEnd) {
  const std::string name = service_.AddJob("x");
  v1::Event event;
  event.mutable_notice()->set_severity(v1::Notice::ERROR);
  event.mutable_notice()->set_message("before the wait");
  service_.AddEvent(name, event);
  std::thread room([&] {
    while (service_.messages(name) == 0) std::this_thread::yield();
    event.mutable_notice()->set_message("The last checkpoint can't be saved.");
    service_.AddEvent(name, event);
    service_.Finish(name, v1::SUCCEEDED);
  });
  const Result result = Descent({"wait", "x"});
  room.join();
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err, "descent: The last checkpoint can't be saved.\n");
}

}  // namespace
}  // namespace descent::cli
