// A real descent-worker and its daemon: one that has it leave, fences it, or is gone for a while.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/server/worker/session/attempt_fixture.h"
#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

TEST_F(AttemptTest, LeavesWithACheckpoint) {
  for (const bool by_signal : {false, true}) {
    WorkerProcess worker(daemon_);
    daemon_.WaitForHello(by_signal ? 2 : 1);
    daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
    daemon_.WaitForEvents(Answered("pause-10"));
    if (by_signal) {
      worker.Signal(SIGTERM);
    } else {
      v1::DaemonMessage leave;
      leave.mutable_leave()->set_reason("test");
      daemon_.Send(leave);
    }
    EXPECT_EQ(worker.Wait(), 0);
    const Events events = daemon_.NextAttempt();
    ASSERT_TRUE(events.back().has_checkpoint_saved());
    EXPECT_EQ(events.back().checkpoint_saved().checkpoint(), "0-10");
  }
}

TEST_F(AttemptTest, AFencedWorkerEndsAtOnceAndWritesNothing) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Answered("pause-10"));
  v1::DaemonMessage fenced;
  fenced.mutable_fenced()->set_reason("test");
  daemon_.Send(fenced);
  EXPECT_EQ(worker.Wait(), 4);
  EXPECT_TRUE(std::filesystem::is_empty(daemon_.folder() + "/checkpoints"));
}

TEST_F(AttemptTest, SendsAgainWhatWasNotAcknowledged) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.set_acknowledge(false);
  daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Answered("pause-10"));
  daemon_.set_acknowledged(5);  // the rest was not durable yet
  daemon_.DropConnection();
  const v1::Hello hello = daemon_.WaitForHello(2);
  EXPECT_EQ(hello.role(), v1::Hello::RANK);
  EXPECT_EQ(hello.job(), "jobs/test");
  EXPECT_EQ(hello.attempt(), 1);
  EXPECT_EQ(hello.first_unacknowledged_sequence(), 1);
  daemon_.WaitForEvents(Answered("pause-10"));
  daemon_.set_acknowledge(true);
  daemon_.Send(Command("resume", "commands { resume {} }"));
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(Iterations(events).size(), 51u);
  EXPECT_EQ(worker.Wait(), 0);
}

TEST_F(AttemptTest, TrainsOnWithoutADaemonAndDeliversLater) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(StartOf(daemon_, SmallSpec(table_, 6'000)));
  daemon_.WaitForEvents(Reached(100));
  daemon_.Die();
  daemon_.Live();
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(Iterations(events).size(), 6'001u);
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_GE(daemon_.hellos(), 2);
}

TEST_F(AttemptTest, AnOrphanSavesACheckpointAndLeaves) {
  WorkerProcess worker(daemon_, {"--orphan_grace", "0.3"});
  daemon_.WaitForHello(1);
  daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Answered("pause-10"));
  daemon_.Die();
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_TRUE(std::filesystem::exists(daemon_.folder() + "/checkpoints/0-10.safetensors"));
}

}  // namespace
}  // namespace descent::worker
