// Tests what the jobs do when the store, or what lies beside it, is not as they left it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "proto/rpc_status.h"
#include "server/daemon/jobs/checkpoint_check.h"
#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class StoreTest : public JobsTest {
 protected:
  void Sql(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(folder_.File("descent.db").c_str(), &db), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(db);
  }
  void ExpectOutOfService(const std::string& id) {
    const absl::Status status = Command(SetOf(id, "s9", 0.25)).Get().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_EQ(GetErrorDetail(status).reason, "JOURNAL_DAMAGED");
    EXPECT_THAT(std::string(status.message()), HasSubstr("jobs/" + id));
    EXPECT_THAT(jobs_->Get(Ann(), "jobs/" + id)->damage(), HasSubstr("revision"));
    EXPECT_FALSE(JournalOf(id)->Read(0, 1 << 20, {}).ok());
    EXPECT_FALSE(journal_->damage().ok());
  }
  absl::Status Delete(const std::string& id) {
    v1::DeleteJobRequest request;
    request.set_name("jobs/" + id);
    auto [answer, done] = MakeAnswer<v1::DeleteJobResponse>();
    jobs_->Delete(Ann(), request, done);
    return answer.Get().status();
  }
  // Starts; the start is expected to be refused.
  absl::Status Start(bool new_store = false) {
    journal_ = *Journal::Open({.path = folder_.File("descent.db")});
    auto jobs =
        JobsService::Open({.data_dir = folder_.path(), .socket = socket(), .new_store = new_store},
                          journal_.get(), &processes_, &clock_);
    if (jobs.ok()) jobs_ = *std::move(jobs);
    return jobs.status();
  }
  bool Exists(const std::string& path) {
    return std::filesystem::exists(folder_.path() + "/" + path);
  }
};

TEST_F(StoreTest, AJobWhoseJournalIsDamagedIsOutOfServiceAlone) {
  auto worker = RunJob("a");
  worker->Train(9);
  worker->AwaitAcknowledged();
  Kill(*worker);
  StopDaemon();
  Sql("UPDATE rows SET entries = zeroblob(length(entries)) WHERE id & 1099511627775 = 1");
  StartDaemon();
  ExpectOutOfService("a");
  // Its place is free for others.
  auto other = RunJob("b");
  other->Train(3);
  EXPECT_TRUE(other->AwaitAcknowledged());
  EXPECT_TRUE(jobs_->Get(Ann(), "jobs/b")->damage().empty());
  EXPECT_TRUE(Delete("a").ok());
  EXPECT_TRUE(journal_->damage().ok());
}

// What is wrong is said, not what seems to be missing of it.
TEST_F(StoreTest, APredictionBySuchAJobIsRefusedWithTheDamage) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->SaveCheckpoint();
  worker->Finish();
  ASSERT_TRUE(worker->AwaitAcknowledged());
  StopDaemon();
  Sql("UPDATE rows SET entries = zeroblob(length(entries)) WHERE id & 1099511627775 = 1");
  StartDaemon();
  class Sink final : public PredictionSink {
   public:
    void OnResponse(v1::PredictJobResponse) override {}
    void OnEnd(const absl::Status& status) override { end.set_value(status); }
    std::promise<absl::Status> end;
  };
  const auto sink = std::make_shared<Sink>();
  v1::PredictJobRequest request;
  request.set_name("jobs/a");
  const auto prediction = jobs_->Predict(Ann(), request, sink);
  EXPECT_EQ(sink->end.get_future().get(), JournalOf("a")->damage());
}

TEST_F(StoreTest, ALostJobIsNoDeletedOne) {
  auto worker = RunJob("a");
  worker->Train(3);
  worker->SaveCheckpoint();
  worker->Flush();
  ASSERT_TRUE(worker->AwaitAcknowledged());
  Kill(*worker);
  StopDaemon();
  Sql("DELETE FROM jobs");
  StartDaemon();
  EXPECT_TRUE(Exists("jobs/a/checkpoints/0-3.safetensors"));
  EXPECT_FALSE(Exists("orphans"));
  EXPECT_THAT(jobs_->Get(Ann(), "jobs/lost-1")->damage(), HasSubstr("nobody deleted it"));
  EXPECT_FALSE(journal_->damage().ok());
  // Nor does somebody else get its folder.
  const absl::Status refused = Create("a").Get().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("whose name the store has lost"));
  EXPECT_TRUE(Exists("jobs/a/checkpoints/0-3.safetensors"));
  EXPECT_TRUE(Delete("lost-1").ok());
  EXPECT_TRUE(journal_->damage().ok());
  StopDaemon();
  StartDaemon();
  EXPECT_TRUE(Exists("orphans/a/checkpoints/0-3.safetensors"));
}

TEST_F(StoreTest, AJobThatIsCalledAsNoneCanBeIsOutOfServiceAndTouchesNothing) {
  std::filesystem::create_directories(folder_.File("etc"));
  std::ofstream(folder_.File("etc/passwd")) << "x";
  auto worker = RunJob("a");
  worker->Train(3);
  worker->SaveCheckpoint();
  worker->Flush();
  ASSERT_TRUE(worker->AwaitAcknowledged());
  Kill(*worker);
  StopDaemon();
  Sql("UPDATE jobs SET job_id = '../etc'");
  StartDaemon();
  EXPECT_THAT(jobs_->Get(Ann(), "jobs/a")->damage(), HasSubstr("\"../etc\""));
  EXPECT_TRUE(Exists("jobs/a/checkpoints/0-3.safetensors"));
  EXPECT_TRUE(Delete("a").ok());
  EXPECT_FALSE(Exists("jobs/a"));
  StopDaemon();
  StartDaemon();
  EXPECT_TRUE(Exists("etc/passwd"));
  EXPECT_EQ(jobs_->List(Ann(), {})->jobs_size(), 0);
}

TEST_F(StoreTest, ANoteThatNobodyWroteRemovesNoFolder) {
  std::filesystem::create_directories(folder_.File("etc"));
  std::ofstream(folder_.File("etc/passwd")) << "x";
  auto worker = RunJob("a");
  worker->Train(3);
  worker->SaveCheckpoint();
  worker->Finish();
  ASSERT_TRUE(worker->AwaitAcknowledged());
  StopDaemon();
  Sql("INSERT INTO folders_to_remove (job_id) VALUES ('../etc'), ('a')");
  StartDaemon();
  EXPECT_TRUE(Exists("etc/passwd"));
  EXPECT_TRUE(Exists("jobs/a/checkpoints/0-3.safetensors"));
}

// ------------------------------------------------------------------------ The files of checkpoints

class CheckpointCheckTest : public StoreTest {
 protected:
  // Checkpoints 0-1 to 0-5, of which three are kept.
  void SetUp() override {
    worker_ = RunJob("a");
    for (int64_t i = 1; i <= 5; ++i) {
      worker_->Train(i);
      worker_->SaveCheckpoint();
      worker_->Flush();
      ASSERT_TRUE(worker_->AwaitAcknowledged());
    }
    Settle();
  }
  // Gives what is wrong with the checkpoints.
  std::vector<std::string> Check() {
    absl::StatusOr<StoreReport> report = CheckStore(folder_.File("descent.db"));
    EXPECT_TRUE(report.ok()) << report.status();
    const auto digest = [this](const std::string& path) {
      const std::string name = std::filesystem::path(path).stem();
      return name == other_ ? std::string("of another") : "of " + name;  // as FakeWorker's
    };
    std::vector<std::string> looked_at;
    const absl::Status status = CheckCheckpoints(
        folder_.path(), digest, [&](const std::string& what) { looked_at.push_back(what); },
        &*report);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_THAT(looked_at, ElementsAre("checkpoint 0-3 of jobs/a", "checkpoint 0-4 of jobs/a",
                                       "checkpoint 0-5 of jobs/a"));
    EXPECT_EQ(report->whole(), report->jobs.at(0).checkpoints.empty());
    return report->jobs.at(0).checkpoints;
  }
  std::string File(const std::string& name) {
    return folder_.File("jobs/a/checkpoints/" + name + ".safetensors");
  }

  std::shared_ptr<FakeWorker> worker_;
  std::string other_;
};

TEST_F(CheckpointCheckTest, ThoseThatAreKeptAreWholeAndNobodyAsksForOthers) {
  EXPECT_FALSE(std::filesystem::exists(File("0-2")));
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(CheckpointCheckTest, AMissingOneIsNoticed) {
  std::filesystem::remove(File("0-4"));
  EXPECT_THAT(Check(), ElementsAre(AllOf(HasSubstr("checkpoint 0-4: "), HasSubstr("is missing"))));
  std::filesystem::remove_all(folder_.File("jobs/a/checkpoints"));
  EXPECT_THAT(Check(), SizeIs(3));
}

TEST_F(CheckpointCheckTest, OneOfAnotherSizeIsNoticed) {
  std::ofstream(File("0-4"), std::ios::app) << "x";
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("has 4 bytes, where the journal says 3")));
}

TEST_F(CheckpointCheckTest, OtherBytesAreNoticed) {
  other_ = "0-4";
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("its SHA-256 is another")));
}

TEST_F(CheckpointCheckTest, WhatIsNoFileIsNoticedAndNotWaitedFor) {
  std::filesystem::remove(File("0-4"));
  ASSERT_EQ(::mkfifo(File("0-4").c_str(), 0600), 0);
  std::filesystem::remove(File("0-5"));
  std::filesystem::create_directory(File("0-5"));
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("0-4.safetensors is no regular file"),
                                   HasSubstr("0-5.safetensors is no regular file")));
}

TEST_F(StoreTest, DamageThatIsFoundDuringTheRunEndsItsService) {
  auto worker = RunJob("a");
  worker->Train(9);
  worker->AwaitAcknowledged();
  v1::CommandJobRequest later = SetOf("a", "s1", 0.25);
  later.set_at_iteration(500);
  auto waiting = Command(later);
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  Sql("DELETE FROM rows WHERE kind = 13");
  EXPECT_FALSE(JournalOf("a")->Read(0, 1 << 20, {}).ok());  // somebody watches
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  EXPECT_EQ(waiting.Get().status().code(), absl::StatusCode::kDataLoss);
  ExpectOutOfService("a");
  Kill(*worker);
  ConnectSpare();
  EXPECT_TRUE(Create("b").Get().ok());
}

TEST_F(StoreTest, ADamagedSnapshotIsMadeAnew) {
  auto worker = RunJob("a");
  worker->Train(5);
  auto answer = Command(SetOf("a", "s1", 0.25));
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  worker->Train(7);
  worker->SaveCheckpoint();
  worker->Finish();
  ASSERT_TRUE(worker->AwaitAcknowledged());
  const v1::Job before = *jobs_->Get(Ann(), "jobs/a");
  StopDaemon();
  Sql("UPDATE jobs SET snapshot = randomblob(50)");
  StartDaemon();
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->DebugString(), before.DebugString());
}

TEST_F(StoreTest, FoldersThatAKillLeftBehindAreSwept) {
  auto worker = RunJob("a");
  worker->Finish();
  AwaitState("a", v1::SUCCEEDED);
  // Killed between the store's commit and the removal of the files.
  ASSERT_TRUE(journal_->DeleteJob("a").ok());
  std::ofstream(folder_.File("jobs/a/checkpoints/0-9.safetensors")) << "x";
  // Or in the middle of a creation.
  std::filesystem::create_directories(folder_.File("jobs/b/checkpoints"));
  StopDaemon();
  StartDaemon();
  EXPECT_FALSE(Exists("jobs/a"));
  EXPECT_FALSE(Exists("jobs/b"));
  Settle();
  StopDaemon();
  StartDaemon();
  EXPECT_THAT(*journal_->FoldersToRemove(), SizeIs(0));
}

TEST_F(StoreTest, FoldersOfUnknownJobsAreMovedAway) {
  auto worker = RunJob("a");
  StopDaemon();
  std::filesystem::create_directories(folder_.File("jobs/x/checkpoints"));
  std::ofstream(folder_.File("jobs/x/checkpoints/0-9.safetensors")) << "x";
  StartDaemon();
  EXPECT_TRUE(Exists("jobs/a"));
  EXPECT_FALSE(Exists("jobs/x"));
  EXPECT_TRUE(Exists("orphans/x/checkpoints/0-9.safetensors"));
}

// Nothing can be accepted without a store, nor can a stop.
TEST_F(StoreTest, WhoCannotStopAJobIsToldHow) {
  auto worker = RunJob("a");
  worker->Train(2);
  ASSERT_TRUE(worker->AwaitAcknowledged());
  std::filesystem::remove(folder_.File("descent.db"));
  v1::CommandJobRequest stop = CommandOf("a", "s1");
  stop.add_commands()->mutable_stop();
  const absl::Status status = Command(stop).Get().status();
  EXPECT_EQ(GetErrorDetail(status).reason, "STORE_FAILED");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("end process ", worker->process().pid)));
}

TEST_F(StoreTest, ALostDatabaseIsSaid) {
  auto worker = RunJob("a");
  worker->Train(2);
  worker->SaveCheckpoint();
  worker->Flush();
  worker->AwaitAcknowledged();
  StopDaemon();
  std::filesystem::remove(folder_.File("descent.db"));
  const absl::Status status = Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("(a): descent.db was lost"));
  EXPECT_TRUE(Exists("jobs/a/checkpoints/0-2.safetensors"));
  StopDaemon();
  EXPECT_FALSE(Start().ok());  // the next time, too
  StopDaemon();
  EXPECT_TRUE(Start(/*new_store=*/true).ok());
  EXPECT_TRUE(Exists("orphans/a/checkpoints/0-2.safetensors"));
}

}  // namespace
}  // namespace descent::daemon
