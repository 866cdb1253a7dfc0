// Where a real descent-worker writes, which checkpoints it waits for, and what it tells of those
// that it missed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/server/worker/session/attempt_fixture.h"
#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

// The run is in memory alone: people make room, and it ends as if nothing had been.
TEST_F(AttemptTest, TheLastCheckpointIsWaitedFor) {
  const std::string folder = daemon_.folder() + "/checkpoints";
  std::ofstream(folder) << "in the way";
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(StartOf(daemon_, SmallSpec(table_, 50)));
  const auto waits = [](const Events& events) {
    return !events.empty() &&
           absl::StrContains(events.back().notice().message(), "The run waits, and ends");
  };
  EXPECT_TRUE(Reached(50)(daemon_.WaitForEvents(waits)));
  daemon_.Send(Command("late", "commands { set { path: 'step_size' value: 1 } }"));
  const Events refused = daemon_.WaitForEvents(Answered("late"));
  EXPECT_EQ(Answer(refused, "late")->command_rejected().reason(), "RUN_ENDED");
  EXPECT_THAT(Answer(refused, "late")->command_rejected().message(),
              testing::HasSubstr("waits at its end"));
  std::filesystem::remove(folder);
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_EQ(events.back().state_changed().state(), api::SUCCEEDED);
  EXPECT_EQ(LastCheckpoint(events).checkpoint(), "0-50");
  EXPECT_TRUE(std::filesystem::exists(folder + "/0-50.safetensors"));
}

// A small run's checkpoints are due many times a second, and journals keep notices for ever.
TEST_F(AttemptTest, OfCheckpointsThatAreMissedTheFirstIsToldAndThenHowMany) {
  const std::string folder = daemon_.folder() + "/checkpoints";
  std::ofstream(folder) << "in the way";
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  api::Spec spec = SmallSpec(table_, 1'000'000);
  spec.mutable_checkpoints()->set_every_iterations(1);
  daemon_.Send(StartOf(daemon_, spec));
  daemon_.WaitForEvents(Reached(5));
  std::filesystem::remove(folder);
  std::filesystem::create_directory(folder);
  daemon_.WaitForEvents(
      [](const Events& all) { return !LastCheckpoint(all).checkpoint().empty(); });
  daemon_.Send(Command("end", "commands { stop {} }"));
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  std::vector<std::string> notices;
  int64_t first_saved = 0;
  for (const Event& event : events) {
    if (event.has_notice()) notices.push_back(event.notice().message());
    if (event.has_checkpoint_saved() && first_saved == 0) {
      first_saved = event.checkpoint_saved().iteration();
      ASSERT_EQ(notices.size(), 2u);  // both before it
    }
  }
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_THAT(notices[0], testing::HasSubstr("0-1.safetensors"));
  EXPECT_EQ(notices[1], absl::StrCat("Before this checkpoint ", first_saved - 1,
                                     " that were due could not be saved."));
}

// A stop that was refused for want of room could not be had at all.
TEST_F(AttemptTest, AStopWaitsForItsCheckpoint) {
  const std::string folder = daemon_.folder() + "/checkpoints";
  std::ofstream(folder) << "in the way";
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  api::Spec spec = SmallSpec(table_, 1'000'000);
  spec.mutable_checkpoints()->set_every_iterations(1'000'000);
  daemon_.Send(StartOf(daemon_, spec));
  daemon_.WaitForEvents(Reached(5));
  daemon_.Send(Command("end", "commands { stop {} }"));
  const Events waiting = daemon_.WaitForEvents([](const Events& events) {
    return !events.empty() &&
           absl::StrContains(events.back().notice().message(), "The run waits, and ends");
  });
  EXPECT_TRUE(waiting.back().notice().waits());
  EXPECT_EQ(Answer(waiting, "end"), nullptr);
  std::filesystem::remove(folder);
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_EQ(events.back().state_changed().state(), api::STOPPED);
  EXPECT_TRUE(Answer(events, "end")->has_command_applied());
  EXPECT_EQ(LastCheckpoint(events).iteration(), Iterations(events).back().index());
  EXPECT_EQ(LastCheckpoint(events).request_id(), "end");
}

TEST_F(AttemptTest, WhoWaitsForItsLastCheckpointMayBeAskedToLeave) {
  std::ofstream(daemon_.folder() + "/checkpoints") << "in the way";
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(StartOf(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents([](const Events& events) {
    return !events.empty() &&
           absl::StrContains(events.back().notice().message(), "The run waits, and ends");
  });
  v1::DaemonMessage leave;
  leave.mutable_leave()->set_reason("test");
  daemon_.Send(leave);
  EXPECT_EQ(worker.Wait(), 0);
}

// A link leads out of the job's folder.
v1::DaemonMessage StartWithLink(const FakeDaemon& daemon, const api::Spec& spec) {
  const std::string job = daemon.folder() + "/job";
  std::filesystem::create_directory(job);
  std::filesystem::create_directory(daemon.folder() + "/elsewhere");
  std::filesystem::create_directory_symlink(daemon.folder() + "/elsewhere", job + "/checkpoints");
  v1::DaemonMessage start = StartOf(daemon, spec);
  start.mutable_start()->set_checkpoint_dir(job + "/checkpoints");
  return start;
}

TEST_F(AttemptTest, WritesInItsJobsFolderAlone) {
  WorkerProcess worker(daemon_);
  const v1::Hello hello = daemon_.WaitForHello(1);
  EXPECT_TRUE(hello.confinement().no_new_privileges());
  if (!hello.confinement().filesystem()) GTEST_SKIP() << "this kernel has no Landlock";
  daemon_.Send(StartWithLink(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents([](const Events& events) {
    return std::any_of(events.begin(), events.end(), [](const Event& event) {
      return absl::StrContains(event.notice().message(), "Permission denied");
    });
  });
  EXPECT_TRUE(std::filesystem::is_empty(daemon_.folder() + "/elsewhere"));
}

TEST_F(AttemptTest, WritesWhereLinksLeadIfItsFilesAreOpen) {
  WorkerProcess worker(daemon_, {"--files", "open"});
  EXPECT_FALSE(daemon_.WaitForHello(1).confinement().filesystem());
  daemon_.Send(StartWithLink(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Ended);
  EXPECT_FALSE(std::filesystem::is_empty(daemon_.folder() + "/elsewhere"));
}

}  // namespace
}  // namespace descent::worker
