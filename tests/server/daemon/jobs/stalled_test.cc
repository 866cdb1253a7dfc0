// Tests the jobs while nothing can be written: what waits, what is told of it, and what follows.
#include <sqlite3.h>

#include <thread>

#include "proto/rpc_status.h"
#include "server/daemon/journal/watch_cursor.h"
#include "tests/server/daemon/jobs/harness.h"
#include "tests/server/daemon/journal/faulty_vfs.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;

class StalledTest : public JobsTest {
 protected:
  StalledTest() : JobsTest(10, 1, nullptr, Vfs()) {}
  ~StalledTest() override {
    MakeRoom();
    FaultyVfs::Get().fail_sync = 0;
  }

  static std::string Vfs() {
    FaultyVfs::Get();  // registers it
    return FaultyVfs::kName;
  }
  static void FillDisk() { FaultyVfs::Get().fail_write = SQLITE_FULL; }
  static void MakeRoom() { FaultyVfs::Get().fail_write = 0; }
  // Waits until something has found the disk full.
  void AwaitStalled() {
    while (journal_->stalled().ok()) std::this_thread::yield();
  }
  v1::Job Job(const std::string& id) { return *jobs_->Get(Ann(), "jobs/" + id); }
  static std::string Reason(const absl::Status& status) { return GetErrorDetail(status).reason; }
};

TEST_F(StalledTest, ACommandWaitsForRoomAndIsAppliedOnce) {
  auto worker = RunJob("a");
  worker->Train(5);
  ASSERT_TRUE(worker->AwaitAcknowledged());
  FillDisk();
  auto first = Command(SetOf("a", "r", 0.25));
  AwaitStalled();
  auto again = Command(SetOf("a", "r", 0.25));  // the client's deadline had passed
  Settle();
  EXPECT_FALSE(first.ready());
  EXPECT_FALSE(again.ready());
  EXPECT_FALSE(worker->Has(worker::v1::DaemonMessage::kCommand));
  EXPECT_THAT(Job("a").stalled(), HasSubstr("is full"));
  EXPECT_THAT(jobs_->List(Ann(), {})->jobs(0).stalled(), HasSubstr("waiting for room"));

  MakeRoom();
  ASSERT_TRUE(worker->AwaitCommand("r"));
  worker->Train(8);
  EXPECT_TRUE(first.Get().ok());
  EXPECT_TRUE(again.Get().ok());
  EXPECT_EQ(CountApplied("a", "r"), 1);
  EXPECT_EQ(Job("a").stalled(), "");
}

TEST_F(StalledTest, AnEndThatIsNotDurableIsToldToNobody) {
  auto worker = RunJob("a");
  worker->Train(5);
  ASSERT_TRUE(worker->AwaitAcknowledged());
  FillDisk();
  worker->SaveCheckpoint();
  worker->Finish();
  AwaitStalled();
  auto command = Command(SetOf("a", "r", 0.25));
  Settle();
  EXPECT_FALSE(command.ready());
  EXPECT_EQ(Job("a").state(), v1::RUNNING);
  EXPECT_EQ(Job("a").last_checkpoint(), "");
  v1::DeleteJobRequest request;
  request.set_name("jobs/a");
  request.set_force(true);
  auto [deleted, done] = MakeAnswer<v1::DeleteJobResponse>();
  jobs_->Delete(Ann(), request, done);
  const absl::Status refused = deleted.Get().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("jobs/a was not deleted"));

  MakeRoom();
  EXPECT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(Job("a").state(), v1::SUCCEEDED);
  EXPECT_EQ(Reason(command.Get().status()), "JOB_FINISHED");
}

// The journal's events fit, the checkpoint does not.
TEST_F(StalledTest, ARunThatWaitsForItsLastCheckpointIsToldByAllThatTellOfAFullDisk) {
  auto worker = RunJob("a");
  worker->Train(5);
  v1::Event notice;
  notice.mutable_notice()->set_severity(v1::Notice::ERROR);
  notice.mutable_notice()->set_message("The last checkpoint can't be saved: no room.");
  notice.mutable_notice()->set_waits(true);
  worker->Emit(notice);
  worker->Flush();
  ASSERT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(Job("a").stalled(), notice.notice().message());
  EXPECT_EQ(jobs_->List(Ann(), {})->jobs(0).stalled(), notice.notice().message());
  EXPECT_TRUE(journal_->health().ok());
  EXPECT_EQ(std::string(journal_->waiting().message()),
            "jobs/a waits: The last checkpoint can't be saved: no room.");
  WatchCursor cursor = *WatchCursor::Create(*jobs_->OpenJournal(Ann(), "jobs/a"), 0, {});
  WatchPiece piece;
  ASSERT_TRUE(cursor.Announce(&piece));
  v1::WatchJobResponse said;
  ASSERT_TRUE(said.ParseFromString(piece.trailer));
  EXPECT_EQ(said.stalled(), notice.notice().message());
  // It is known after a restart, although the worker says it no more.
  StopDaemon();
  StartDaemon();
  EXPECT_FALSE(journal_->waiting().ok());
}

TEST_F(StalledTest, OnceItsCheckpointIsSavedItGoesOn) {
  auto worker = RunJob("a");
  worker->Train(5);
  v1::Event notice;
  notice.mutable_notice()->set_message("The last checkpoint can't be saved: no room.");
  notice.mutable_notice()->set_waits(true);
  worker->Emit(notice);
  worker->SaveCheckpoint();
  worker->Flush();
  ASSERT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(Job("a").stalled(), "");
  EXPECT_TRUE(journal_->waiting().ok());
}

TEST_F(StalledTest, WhoCantDeleteAJobThatIsOverHearsWhatElseMakesRoom) {
  auto worker = RunJob("a");
  worker->Train(5);
  worker->SaveCheckpoint();
  worker->Finish();
  EXPECT_TRUE(worker->AwaitAcknowledged());
  AwaitState("a", v1::SUCCEEDED);
  Kill(*worker);  // a deletion waits until it is gone
  FillDisk();
  v1::DeleteJobRequest request;
  request.set_name("jobs/a");
  auto [deleted, done] = MakeAnswer<v1::DeleteJobResponse>();
  jobs_->Delete(Ann(), request, done);
  const absl::Status refused = deleted.Get().status();
  EXPECT_EQ(Reason(refused), "DISK_FULL");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("jobs/a was not deleted"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr(folder_.path() + "/orphans"));
}

TEST_F(StalledTest, AStopWaitsForRoomToo) {
  auto worker = RunJob("a");
  worker->Train(5);
  ASSERT_TRUE(worker->AwaitAcknowledged());
  FillDisk();
  v1::CommandJobRequest stop = CommandOf("a", "s");
  stop.add_commands()->mutable_stop();
  auto stopped = Command(stop);
  AwaitStalled();
  Settle();
  EXPECT_FALSE(stopped.ready());
  MakeRoom();
  ASSERT_TRUE(worker->AwaitCommand("s"));
  worker->Train(6);
  EXPECT_TRUE(stopped.Get().ok());
  AwaitState("a", v1::STOPPED);
}

TEST_F(StalledTest, AWorkerThatIsLostMeanwhileIsReplacedWhenThereIsRoom) {
  auto worker = RunJob("a");
  worker->Train(5);
  ASSERT_TRUE(worker->AwaitAcknowledged());
  FillDisk();
  worker->Train(10);
  AwaitStalled();
  Kill(*worker);
  auto next = ConnectSpare();
  Settle();
  EXPECT_FALSE(next->Has(worker::v1::DaemonMessage::kStart));
  MakeRoom();
  next->Begin();
  next->Train(20);
  EXPECT_TRUE(next->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(20));
}

TEST_F(StalledTest, ANewJobIsRefusedAndCanBeSubmittedAgain) {
  auto spare = ConnectSpare();
  FillDisk();
  const absl::Status refused = Create("a", "r").Get().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(refused), "DISK_FULL");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("No job was made: the disk of"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("Submit it again"));
  MakeRoom();
  EXPECT_TRUE(Create("a", "r").Get().ok());
}

TEST_F(StalledTest, AfterAFailedFsyncWhoAsksHearsWhyNothingMoves) {
  auto worker = RunJob("a");
  worker->Train(5);
  ASSERT_TRUE(worker->AwaitAcknowledged());
  FaultyVfs::Get().fail_sync = SQLITE_IOERR_FSYNC;
  EXPECT_EQ(Reason(Command(SetOf("a", "r", 0.25)).Get().status()), "STORE_FAILED");
  // Asked again, it is not as if it had been accepted.
  EXPECT_EQ(Reason(Command(SetOf("a", "r", 0.25)).Get().status()), "STORE_FAILED");
  EXPECT_EQ(Reason(Command(SetOf("a", "other", 0.25)).Get().status()), "STORE_FAILED");
  EXPECT_THAT(Job("a").stalled(), HasSubstr("start descentd again"));
  EXPECT_EQ(Reason(Create("b").Get().status()), "STORE_FAILED");
}

}  // namespace
}  // namespace descent::daemon
