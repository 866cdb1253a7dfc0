// Workers die and connections break: the journal stays the run.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

TEST_F(JobsTest, ADeadWorkersRunIsRecomputedWithoutGapOrDuplicate) {
  auto worker = RunJob("a");
  worker->Train(4);
  worker->SaveCheckpoint();
  worker->Train(9);
  worker->AwaitAcknowledged();
  auto spare = ConnectSpare();
  Kill(*worker);
  const worker::v1::Start& start = spare->Begin();
  EXPECT_EQ(start.attempt(), 2);
  EXPECT_EQ(start.checkpoint(), "0-4");
  EXPECT_EQ(start.checkpoint_sha256(), "of 0-4");
  EXPECT_EQ(start.recompute_until(), 9);
  EXPECT_EQ(start.elapsed_seconds(), static_cast<double>(worker->process().pid));
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->state(), v1::RECOVERING);
  spare->Train(12);
  spare->Finish();
  EXPECT_TRUE(spare->AwaitAcknowledged());
  AwaitState("a", v1::SUCCEEDED);
  EXPECT_EQ(Values("a"), Undisturbed(12));
  EXPECT_EQ(Count("a", [](const v1::Event& e) { return e.has_rewound(); }), 0);
  const v1::Event notice = AwaitEvent("a", [](const v1::Event& e) { return e.has_notice(); });
  EXPECT_THAT(notice.notice().message(), HasSubstr("killed by signal 9 (SIGKILL)"));
  EXPECT_EQ(jobs_->statistics(Ann()).worker_restarts, 1);
  EXPECT_EQ(jobs_->statistics(Ann()).losses.at("killed"), 1);
  EXPECT_EQ(jobs_->statistics(Ann()).losses.at("silent"), 0);
}

TEST_F(JobsTest, AnAttemptSaysWhatItsWorkerIsHeldToAndThatItWasKilledForMemory) {
  processes_.memory_limit = 2'000'000'000;
  Answer<v1::Job> created = Create("a");
  auto worker = processes_.NextLaunched();
  ASSERT_NE(worker, nullptr);
  workers_.push_back(worker);
  worker->change_hello = [](worker::v1::Hello* hello) {
    hello->mutable_confinement()->set_no_new_privileges(true);
    hello->mutable_confinement()->set_filesystem(true);
    hello->mutable_confinement()->set_memory_limit_bytes(7);  // which is not its to say
  };
  worker->Connect();
  ASSERT_TRUE(created.Get().ok());
  worker->Begin();
  worker->Train(2);
  EXPECT_TRUE(worker->AwaitAcknowledged());
  const v1::Confinement held = jobs_->Get(Ann(), "jobs/a")->confinement();
  EXPECT_EQ(held.memory_limit_bytes(), 2'000'000'000);
  EXPECT_TRUE(held.no_new_privileges());
  EXPECT_TRUE(held.filesystem());

  auto spare = ConnectSpare();  // of a kernel that has nothing of it
  worker->Disconnect();
  processes_.Exit(*worker, {.known = true, .signal = 9, .memory_limit = 2'000'000'000});
  spare->Begin();
  const v1::Job job = *jobs_->Get(Ann(), "jobs/a");
  EXPECT_EQ(job.state_reason(), "worker " + std::to_string(worker->process().pid) +
                                    " was killed for memory: over its limit of 2.0 GB");
  EXPECT_TRUE(job.has_confinement());
  EXPECT_FALSE(job.confinement().filesystem());
}

TEST_F(JobsTest, ARunKilledAtRandomPointsIsTheUndisturbedRun) {
  std::mt19937 random(7);
  auto worker = RunJob("a");
  int64_t k = 0;
  for (int round = 0; round < 20; ++round) {
    // One new iteration at least, or the third such attempt would be the last.
    k = worker->start().recompute_until() + 1;
    worker->Train(k);
    ASSERT_TRUE(worker->AwaitAcknowledged());
    k += static_cast<int64_t>(random() % 7);
    worker->Train(k);
    if (random() % 3 == 0) worker->SaveCheckpoint();
    if (random() % 2 == 0) worker->Flush();
    // Sometimes the journal has it all, sometimes the kill is faster.
    if (random() % 2 == 0) worker->AwaitAcknowledged();
    Kill(*worker);
    worker = ConnectSpare();
    worker->Begin();
  }
  worker->Train(k + 5);
  worker->Finish();
  EXPECT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(k + 5));
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->state(), v1::SUCCEEDED);
}

// A pause may last for weeks; what happens to its workers is no fault of the run's.
TEST_F(JobsTest, APausedJobOutlivesItsWorkers) {
  auto worker = RunJob("a");
  worker->Train(3);
  auto paused = CommandOf("a", "p1");
  paused.add_commands()->mutable_pause();
  auto answer = Command(paused);
  ASSERT_TRUE(worker->AwaitCommand("p1"));
  worker->Train(8);
  ASSERT_TRUE(answer.Get().ok());
  ASSERT_TRUE(worker->AwaitAcknowledged());
  for (int32_t attempt = 2; attempt < 9; ++attempt) {
    Kill(*worker);
    worker = ConnectSpare();
    worker->Begin();
    EXPECT_FALSE(worker->Train(8));
    EXPECT_TRUE(worker->paused());
    ASSERT_TRUE(worker->AwaitAcknowledged());
    AwaitState("a", v1::PAUSED, attempt);
  }
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->state(), v1::PAUSED);
  auto resumed = CommandOf("a", "r1");
  resumed.add_commands()->mutable_resume();
  auto resume = Command(resumed);
  ASSERT_TRUE(worker->AwaitCommand("r1"));
  worker->Train(8);
  ASSERT_TRUE(resume.Get().ok());
  worker->Finish();
  EXPECT_TRUE(worker->AwaitAcknowledged());
  AwaitState("a", v1::SUCCEEDED);
  EXPECT_EQ(Values("a"), Undisturbed(8));
}

TEST_F(JobsTest, AnAppliedCommandIsScriptedAndNotAppliedTwice) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->SaveCheckpoint();
  worker->Flush();
  auto answer = Command(SetOf("a", "s1", 0.25));
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  worker->Train(8);
  ASSERT_TRUE(answer.Get().ok());
  worker->AwaitAcknowledged();
  Kill(*worker);
  auto spare = ConnectSpare();
  const worker::v1::Start& start = spare->Begin();
  ASSERT_THAT(start.script(), SizeIs(1));
  EXPECT_EQ(start.script(0).request().request_id(), "s1");
  EXPECT_EQ(start.script(0).iteration(), 4);
  EXPECT_FALSE(start.script(0).has_reapplied_from());
  EXPECT_THAT(start.unresolved(), SizeIs(0));
  spare->Train(12);
  spare->AwaitAcknowledged();
  EXPECT_EQ(Values("a"), Undisturbed(12, {{4, 0.25}}));
  EXPECT_EQ(CountApplied("a", "s1"), 1);
}

TEST_F(JobsTest, ACommandThatDiedWithItsWorkerGoesToTheNext) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->AwaitAcknowledged();
  auto answer = Command(SetOf("a", "s1", 0.25));
  worker->Await(worker::v1::DaemonMessage::kCommand);  // in its hands
  Kill(*worker);
  auto spare = ConnectSpare();
  const worker::v1::Start& start = spare->Begin();
  ASSERT_THAT(start.unresolved(), SizeIs(1));
  EXPECT_EQ(start.recompute_until(), 3);
  spare->Train(7);
  EXPECT_EQ(answer.Get()->event().command_applied().iteration(), 3);
  spare->AwaitAcknowledged();
  EXPECT_EQ(Values("a"), Undisturbed(7, {{3, 0.25}}));
  EXPECT_EQ(CountApplied("a", "s1"), 1);
}

TEST_F(JobsTest, ACommandGivenWhileNobodyRunsIsDelivered) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->AwaitAcknowledged();
  Kill(*worker);
  AwaitState("a", v1::RECOVERING);
  auto answer = Command(SetOf("a", "s1", 0.25));
  AwaitAccepted("a", "s1");
  auto spare = ConnectSpare();
  spare->Begin();
  spare->Train(6);
  EXPECT_TRUE(answer.Get().ok());
  EXPECT_EQ(CountApplied("a", "s1"), 1);
}

TEST_F(JobsTest, HistoryThatDiffersIsRewoundOpenlyAndCommandsAreReapplied) {
  auto worker = RunJob("a");
  worker->Train(2);
  worker->SaveCheckpoint();
  worker->Flush();
  auto answer = Command(SetOf("a", "s1", 0.25));
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  worker->Train(8);
  const int64_t applied_revision = answer.Get()->event().revision();
  worker->AwaitAcknowledged();
  Kill(*worker);

  auto different = ConnectSpare();
  different->perturbation = 1e-9;
  different->Begin();
  different->Train(8);
  EXPECT_TRUE(different->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  const v1::Event rewound = AwaitEvent("a", [](const v1::Event& e) { return e.has_rewound(); });
  EXPECT_EQ(rewound.rewound().to_iteration(), 2);
  EXPECT_EQ(rewound.rewound().cause(), v1::Rewound::RECOMPUTED);
  EXPECT_EQ(rewound.rewound().from_branch(), 0);
  EXPECT_EQ(rewound.rewound().to_branch(), 1);
  EXPECT_EQ(rewound.rewound().checkpoint(), "0-2");
  EXPECT_THAT(rewound.rewound().detail(), HasSubstr("iteration 3: value"));
  Kill(*different);

  auto next = ConnectSpare();
  next->perturbation = 1e-9;
  const worker::v1::Start& start = next->Begin();
  EXPECT_EQ(start.attempt(), 3);
  EXPECT_EQ(start.branch(), 1);
  EXPECT_EQ(start.checkpoint(), "0-2");
  EXPECT_EQ(start.recompute_until(), 2);
  ASSERT_THAT(start.script(), SizeIs(1));
  EXPECT_EQ(start.script(0).iteration(), 3);
  EXPECT_EQ(start.script(0).reapplied_from(), applied_revision);
  next->Train(10);
  next->Finish();
  EXPECT_TRUE(next->AwaitAcknowledged());
  EXPECT_THAT(Values("a"), SizeIs(11));  // contiguous along the branch
  EXPECT_EQ(CountApplied("a", "s1"), 2);
  const v1::Event again =
      AwaitEvent("a", [](const v1::Event& e) { return e.command_applied().has_reapplied_from(); });
  EXPECT_EQ(again.command_applied().reapplied_from(), applied_revision);
  EXPECT_EQ(again.branch(), 1);
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->branch(), 1);
  // The answer stays the first one.
  EXPECT_EQ(Command(SetOf("a", "s1", 0.25)).Get()->event().revision(), applied_revision);
}

TEST_F(JobsTest, ARecoveryOnALaterBranchComparesWithThatBranch) {
  auto worker = RunJob("a");
  worker->Train(6);
  worker->AwaitAcknowledged();
  Kill(*worker);
  auto different = ConnectSpare();
  different->perturbation = 1e-9;
  different->Begin();
  different->Train(6);
  AwaitEvent("a", [](const v1::Event& e) { return e.has_rewound(); });
  Kill(*different);
  auto third = ConnectSpare();
  third->perturbation = 1e-9;
  third->Begin();
  EXPECT_EQ(third->start().recompute_until(), -1);
  third->Train(4);
  third->AwaitAcknowledged();
  Kill(*third);
  auto fourth = ConnectSpare();
  fourth->perturbation = 1e-9;
  fourth->Begin();
  EXPECT_EQ(fourth->start().branch(), 1);
  EXPECT_EQ(fourth->start().recompute_until(), 4);
  fourth->Train(9);
  EXPECT_TRUE(fourth->AwaitAcknowledged());
  EXPECT_THAT(Values("a"), SizeIs(10));
  EXPECT_EQ(Count("a", [](const v1::Event& e) { return e.has_rewound(); }), 1);
}

TEST_F(JobsTest, ASilentWorkerIsReplacedAndFencedWhenItWakes) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->AwaitAcknowledged();
  for (int i = 0; i < 6; ++i) Advance(2.5);  // a lease and a half
  auto spare = ConnectSpare();
  EXPECT_EQ(spare->Begin().attempt(), 2);
  spare->Train(5);
  EXPECT_TRUE(spare->AwaitAcknowledged());
  worker->Train(9);  // it wakes
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  worker->Connect();  // and comes back
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  spare->Train(7);
  spare->AwaitAcknowledged();
  EXPECT_EQ(Values("a"), Undisturbed(7));
  EXPECT_GE(jobs_->statistics(Ann()).fenced, 1);
  EXPECT_GE(jobs_->statistics(Ann()).losses.at("silent"), 1);
}

TEST_F(JobsTest, AWorkerThatStaysSilentIsEnded) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->AwaitAcknowledged();
  for (int i = 0; i < 6; ++i) Advance(2.5);  // a lease and a half
  auto spare = ConnectSpare();
  spare->Begin();
  spare->Train(5);
  EXPECT_TRUE(spare->AwaitAcknowledged());
  EXPECT_TRUE(processes_.ended().empty());
  for (int i = 0; i < 3; ++i) Advance(2.5);
  EXPECT_EQ(processes_.ended(), std::vector<ProcessId>{worker->process()});
}

TEST_F(JobsTest, ThreeAttemptsWithoutANewIterationFail) {
  auto worker = RunJob("a");
  worker->Train(4);
  worker->AwaitAcknowledged();
  Kill(*worker);  // it made progress: does not count
  auto answer = Command(SetOf("a", "s1", 0.25));
  for (int i = 0; i < 3; ++i) {
    auto next = ConnectSpare();
    next->Begin();
    next->Train(4);  // only what was there
    next->AwaitAcknowledged();
    Kill(*next);
    Advance(1);  // the back-off
  }
  AwaitState("a", v1::FAILED);
  const v1::Job job = *jobs_->Get(Ann(), "jobs/a");
  EXPECT_THAT(job.state_reason(), HasSubstr("3 attempts"));
  EXPECT_THAT(job.state_reason(), HasSubstr("SIGKILL"));
  EXPECT_EQ(job.attempt(), 4);
}

TEST_F(JobsTest, WithABrokenConnectionNothingIsLostOrDoubled) {
  auto worker = RunJob("a");
  worker->Train(3);
  for (int i = 0; i < 5; ++i) {
    worker->Disconnect();
    worker->Train(5 + 3 * i);  // into the void
    worker->Connect();
    worker->Resend();
    worker->Train(6 + 3 * i);
  }
  EXPECT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(18));
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->attempt(), 1);
}

TEST_F(JobsTest, AWorkerThatNeverSawStartGetsItAgain) {
  auto created = Create("a");
  auto worker = ConnectSpare();
  ASSERT_TRUE(created.Get().ok());
  worker->Await(worker::v1::DaemonMessage::kStart);  // lost with the connection
  worker->Disconnect();
  worker->Connect();  // as a spare
  EXPECT_EQ(worker->Begin().attempt(), 1);
  worker->Train(2);
  EXPECT_TRUE(worker->AwaitAcknowledged());
}

TEST_F(JobsTest, APausedJobIsPausedAfterARecovery) {
  auto worker = RunJob("a");
  worker->Train(3);
  v1::CommandJobRequest pause = CommandOf("a", "p");
  pause.add_commands()->mutable_pause();
  auto answer = Command(pause);
  ASSERT_TRUE(worker->AwaitCommand("p"));
  worker->Train(10);
  EXPECT_EQ(answer.Get()->event().command_applied().iteration(), 4);
  AwaitState("a", v1::PAUSED);
  Kill(*worker);
  auto spare = ConnectSpare();
  spare->Begin();
  spare->Train(10);
  EXPECT_TRUE(spare->paused());
  AwaitState("a", v1::PAUSED, 2);
  v1::CommandJobRequest resume = CommandOf("a", "r");
  resume.add_commands()->mutable_resume();
  auto resumed = Command(resume);
  spare->Await(worker::v1::DaemonMessage::kCommand);
}

TEST_F(JobsTest, AMissingCheckpointIsPassedOver) {
  auto worker = RunJob("a");
  worker->Train(2);
  worker->SaveCheckpoint();
  worker->Train(5);
  worker->SaveCheckpoint();
  worker->Train(7);
  worker->AwaitAcknowledged();
  std::filesystem::remove(folder_.path() + "/jobs/a/checkpoints/0-5.safetensors");
  Kill(*worker);
  auto spare = ConnectSpare();
  EXPECT_EQ(spare->Begin().checkpoint(), "0-2");
  spare->Train(9);
  EXPECT_TRUE(spare->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(9));
}

TEST_F(JobsTest, WhatADeadWorkerHadBegunToWriteIsRemoved) {
  auto worker = RunJob("a");
  const std::string folder = worker->start().checkpoint_dir();
  // No process has this number: it is beyond the system's largest.
  const std::string dead = folder + "/0-4.safetensors.2000000000-0.tmp";
  const std::string alive = absl::StrCat(folder, "/0-4.safetensors.", getpid(), "-0.tmp");
  std::ofstream(dead) << "half";
  std::ofstream(alive) << "half";
  Kill(*worker);
  ConnectSpare()->Begin();
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(alive));
}

TEST_F(JobsTest, AWorkerThatSkipsAnIterationLosesItsAttempt) {
  auto worker = RunJob("a");
  worker->Train(2);
  worker->AwaitAcknowledged();
  v1::Event event;
  event.mutable_iteration()->set_index(5);
  worker->Emit(event);
  worker->Flush();
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  auto spare = ConnectSpare();
  spare->Begin();
  spare->Train(4);
  EXPECT_TRUE(spare->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(4));
}

TEST_F(JobsTest, AWorkerOfAnotherProtocolIsTurnedAway) {
  auto worker = processes_.NextLaunched();
  workers_.push_back(worker);
  worker->protocol_version = 0;
  worker->Connect();
  worker->Heartbeat();  // whatever it says now
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
}

TEST_F(JobsTest, SparesThatDieAreRelaunchedWithBackOff) {
  for (int i = 0; i < 3; ++i) {
    auto spare = processes_.NextLaunched();
    ASSERT_NE(spare, nullptr);
    Settle();
    const int64_t launches = processes_.launches();
    processes_.Exit(*spare, {.known = true, .exit_status = 127});
    Settle();
    EXPECT_EQ(processes_.launches(), launches);  // not before its time
    Advance(10);
  }
}

}  // namespace
}  // namespace descent::daemon
