// Daemons end and are replaced, with their workers or without: the journal stays the run.

#include <map>
#include <random>

#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::SizeIs;

TEST_F(JobsTest, ANewDaemonAdoptsTheLiveWorker) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->AwaitAcknowledged();
  auto answer = Command(SetOf("a", "s1", 0.25));
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  StopDaemon();
  worker->Disconnect();
  worker->Train(6);  // meanwhile; takes the command too if it had it
  StartDaemon();
  worker->Connect();
  worker->Resend();
  worker->Train(9);
  EXPECT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->attempt(), 1);
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->last_iteration().index(), 9);
  EXPECT_THAT(Values("a"), SizeIs(10));
  EXPECT_EQ(CountApplied("a", "s1"), 1);
}

// It says neither role nor secret: the journal knows its process. An upgrade is under a running
// job.
TEST_F(JobsTest, AWorkerOfTheVersionBeforeFinishesUnderTheNewDaemon) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->AwaitAcknowledged();
  StopDaemon();
  worker->Disconnect();
  worker->Train(6);
  worker->protocol_version = 1;
  worker->change_hello = [](worker::v1::Hello* hello) {
    hello->clear_role();
    hello->clear_secret();
    hello->clear_worker_id();
  };
  StartDaemon();
  worker->Connect();
  worker->Resend();
  auto answer = Command(SetOf("a", "s1", 0.25));
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  worker->Train(9);
  ASSERT_TRUE(answer.Get().ok());
  worker->Finish();
  EXPECT_TRUE(worker->AwaitAcknowledged());
  AwaitState("a", v1::SUCCEEDED);
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->attempt(), 1);
  EXPECT_EQ(Values("a"), Undisturbed(9, {{7, 0.25}}));
}

// The worker does not say again what its series are called.
TEST_F(JobsTest, ANewDaemonTellsEachDialAsTheOldOneDid) {
  Answer<v1::Job> created = Create("a");
  auto worker = ConnectSpare();
  worker->series = {"optimizer.adam.beta1"};
  ASSERT_TRUE(created.Get().ok());
  worker->Begin();
  worker->Train(3);
  worker->AwaitAcknowledged();
  StopDaemon();
  worker->Disconnect();
  StartDaemon();
  worker->Connect();
  worker->Resend();
  worker->Train(10);
  EXPECT_TRUE(worker->AwaitAcknowledged());
  const v1::Job job = *jobs_->Get(Ann(), "jobs/a");
  EXPECT_THAT(job.series(), testing::ElementsAre("optimizer.adam.beta1"));
  std::map<std::string, double> dials;
  for (const v1::DialState& dial : job.dials()) {
    dials[dial.path()] = dial.value();
    EXPECT_EQ(dial.main_step_size(), dial.path() == "optimizer.adam.step_size");
  }
  EXPECT_EQ(dials, (std::map<std::string, double>{{"optimizer.adam.step_size", 0.5},
                                                  {"optimizer.adam.beta1", 0.05}}));
}

TEST_F(JobsTest, ANewDaemonReplacesADeadWorker) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->SaveCheckpoint();
  worker->Train(5);
  worker->AwaitAcknowledged();
  StopDaemon();
  Kill(*worker);
  StartDaemon();
  auto spare = ConnectSpare();
  if (spare->Has(worker::v1::DaemonMessage::kFenced)) spare = ConnectSpare();
  EXPECT_EQ(spare->Begin().attempt(), 2);
  EXPECT_EQ(spare->start().recompute_until(), 5);
  spare->Train(8);
  EXPECT_TRUE(spare->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(8));
}

TEST_F(JobsTest, ANewDaemonWaitsOutTheLeaseOfAWorkerThatDoesNotComeBack) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->AwaitAcknowledged();
  StopDaemon();
  StartDaemon();
  Advance(9);
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->state(), v1::RUNNING);
  for (int i = 0; i < 6; ++i) Advance(2.5);
  AwaitState("a", v1::RECOVERING);
  auto spare = ConnectSpare();
  while (spare->Has(worker::v1::DaemonMessage::kFenced)) spare = ConnectSpare();
  EXPECT_EQ(spare->Begin().attempt(), 2);
  worker->Connect();
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
}

TEST_F(JobsTest, DaemonAndWorkerKilledAtRandomPointsLeaveTheUndisturbedRun) {
  std::mt19937 random(11);
  auto worker = RunJob("a");
  int64_t k = 0;
  for (int round = 0; round < 12; ++round) {
    worker->Train(++k);
    ASSERT_TRUE(worker->AwaitAcknowledged());
    k += static_cast<int64_t>(random() % 5);
    worker->Train(k);
    if (random() % 3 == 0) worker->SaveCheckpoint();
    if (random() % 2 == 0) worker->AwaitAcknowledged();
    const bool kill_worker = random() % 2 == 0;
    StopDaemon();
    if (kill_worker) Kill(*worker);
    StartDaemon();
    if (kill_worker) {
      worker = ConnectSpare();
      worker->Begin();
    } else {
      worker->Connect();
      worker->Resend();
    }
  }
  worker->Train(k + 4);
  worker->Finish();
  EXPECT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(k + 4));
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->state(), v1::SUCCEEDED) << Story("a");
}

TEST_F(JobsTest, AtShutdownWorkersLeaveAndTheJobGoesOnLater) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->AwaitAcknowledged();
  auto waiting = Command(SetOf("a", "s1", 0.25));
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  auto shutdown = std::async(std::launch::async, [this] {
    jobs_->Shutdown(std::chrono::steady_clock::now() + kPatience);
  });
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kLeave).has_leave());
  worker->SaveCheckpoint();
  worker->Flush();
  EXPECT_TRUE(worker->AwaitAcknowledged());
  ExitCleanly(*worker);
  shutdown.get();
  EXPECT_EQ(waiting.Get().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Create("b").Get().status().code(), absl::StatusCode::kUnavailable);
  StopDaemon();
  StartDaemon();
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->state(), v1::QUEUED);
  auto spare = ConnectSpare();
  auto start = spare->Begin();
  while (start.job().empty()) start = ConnectSpare()->Begin();
  EXPECT_EQ(start.checkpoint(), "0-3");
  ASSERT_THAT(start.unresolved(), SizeIs(1));
}

}  // namespace
}  // namespace descent::daemon
