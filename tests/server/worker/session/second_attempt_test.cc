// The second attempt of a real descent-worker: what a recovery finds and does.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>

#include "tests/server/worker/session/attempt_fixture.h"
#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

// Runs attempt 2 on the same or another branch, from the checkpoint at 20 of a run with 50
// iterations.
class SecondAttemptTest : public AttemptTest {
 protected:
  void RunFirst(const std::function<void(v1::Start*)>& change) {
    WorkerProcess worker(daemon_);
    daemon_.WaitForHello(1);
    v1::DaemonMessage start = StartOf(daemon_, SmallSpec(table_, 50));
    change(start.mutable_start());
    daemon_.Send(start);
    daemon_.WaitForEvents(Reached(30));
    worker.Signal(SIGKILL);
    worker.Wait();
    first_ = daemon_.NextAttempt();
  }

  v1::DaemonMessage StartFrom20() {
    v1::DaemonMessage message = StartOf(daemon_, SmallSpec(table_, 50), 2);
    v1::Start* start = message.mutable_start();
    for (const Event& event : first_) {
      if (!event.has_checkpoint_saved() || event.checkpoint_saved().iteration() != 20) continue;
      start->set_checkpoint(event.checkpoint_saved().checkpoint());
      start->set_checkpoint_sha256(event.checkpoint_saved().sha256());
    }
    start->set_elapsed_seconds(100);
    return message;
  }

  Events first_;
};

TEST_F(SecondAttemptTest, ARunThatWasPausedIsPausedAgainAndSaysSoOnlyThere) {
  const auto pause = Request("pause", "commands { pause {} } at_iteration: 30");
  RunFirst([&](v1::Start* start) { *start->add_unresolved() = pause; });

  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(2);
  v1::DaemonMessage message = StartFrom20();
  message.mutable_start()->set_recompute_until(30);
  v1::Scripted* scripted = message.mutable_start()->add_script();
  *scripted->mutable_request() = pause;
  scripted->set_iteration(30);
  daemon_.Send(message);
  Events events = daemon_.WaitForEvents(
      [](const Events& e) { return !e.empty() && e.back().has_state_changed(); });
  EXPECT_EQ(Iterations(events).front().index(), 20);
  EXPECT_GE(Iterations(events).front().elapsed_seconds(), 100);
  EXPECT_EQ(Iterations(events).back().index(), 30);
  EXPECT_EQ(events.back().state_changed().state(), api::PAUSED);
  EXPECT_EQ(events.back().state_changed().old_state(), api::RECOVERING);
  for (size_t i = 0; i + 1 < events.size(); ++i) EXPECT_FALSE(events[i].has_state_changed());

  daemon_.Send(Command("resume", "commands { resume {} }"));
  EXPECT_EQ(daemon_.WaitForEvents(Ended).back().state_changed().state(), api::SUCCEEDED);
}

TEST_F(SecondAttemptTest, LiveCommandsWaitUntilTheRecomputingIsDone) {
  RunFirst([](v1::Start* start) {
    *start->add_unresolved() = Request("pause", "commands { pause {} } at_iteration: 30");
  });
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(2);
  v1::DaemonMessage message = StartFrom20();
  message.mutable_start()->set_recompute_until(30);
  *message.mutable_start()->add_unresolved() =
      Request("live", "commands { set { path: 'step_size' value: 0.5 } }");
  *message.mutable_start()->add_unresolved() =
      Request("passed", "commands { pause {} } at_iteration: 25");
  daemon_.Send(message);
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(Answer(events, "live")->command_applied().iteration(), 30);
  EXPECT_EQ(Answer(events, "passed")->command_rejected().reason(), "ITERATION_PASSED");
}

TEST_F(SecondAttemptTest, ANewBranchAppliesPeoplesCommandsAgain) {
  RunFirst([](v1::Start* start) {
    *start->add_unresolved() = Request("pause", "commands { pause {} } at_iteration: 30");
  });
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(2);
  v1::DaemonMessage message = StartFrom20();
  message.mutable_start()->set_branch(1);
  message.mutable_start()->set_recompute_until(20);
  v1::Scripted* scripted = message.mutable_start()->add_script();
  *scripted->mutable_request() =
      Request("set", "commands { set { path: 'step_size' value: 0.5 } }");
  scripted->set_iteration(25);
  scripted->set_reapplied_from(77);
  daemon_.Send(message);
  const Events events = daemon_.WaitForEvents(Ended);
  const auto applied = Answer(events, "set")->command_applied();
  EXPECT_EQ(applied.iteration(), 25);
  EXPECT_EQ(applied.reapplied_from(), 77);
  EXPECT_EQ(Iterations(events)[6].index(), 26);
  EXPECT_EQ(Iterations(events)[6].step_size(), 0.5);
  EXPECT_EQ(LastCheckpoint(events).checkpoint(), "1-50");
  for (const Event& event : events) EXPECT_EQ(event.branch(), 1);
}

TEST_F(SecondAttemptTest, ADamagedCheckpointEndsTheAttemptNamingTheFile) {
  RunFirst([](v1::Start*) {});
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(2);
  v1::DaemonMessage message = StartFrom20();
  const std::string path = daemon_.folder() + "/checkpoints/0-20.safetensors";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  daemon_.Send(message);
  // The job is not what failed: an older checkpoint may be whole.
  EXPECT_NE(worker.Wait(), 0);
  const Events events =
      daemon_.WaitForEvents([](const Events& all) { return all.back().has_notice(); });
  EXPECT_NE(events.back().notice().message().find(path), std::string::npos);
  EXPECT_TRUE(std::none_of(events.begin(), events.end(),
                           [](const Event& event) { return event.has_state_changed(); }));
}

}  // namespace
}  // namespace descent::worker
