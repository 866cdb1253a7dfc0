// Tests what the store does while its disk is full: it waits, says so, and goes on where it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cerrno>
#include <filesystem>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"
#include "server/common/mutex.h"
#include "server/daemon/journal/watch_cursor.h"
#include "tests/server/daemon/journal/faulty_vfs.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kFull[] = "is full (12 bytes free)";

class FullDiskTest : public ::testing::Test {
 protected:
  FullDiskTest() {
    FaultyVfs::Get();  // registers it
    server::SetLogSink([this](const std::string& line) {
      server::MutexLock lock(mutex_);
      log_ += line;
      logged_.SignalAll();
    });
    Open();
  }
  ~FullDiskTest() override {
    MakeRoom();
    journal_.reset();
    server::SetLogSink({});
  }

  void Open() {
    absl::StatusOr<std::unique_ptr<Journal>> journal =
        Journal::Open({.path = path_,
                       .retry = std::chrono::milliseconds(1),
                       .free_bytes = [] { return int64_t{12}; },
                       .vfs = FaultyVfs::kName});
    ASSERT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
  }

  std::shared_ptr<JobJournal> Create(const std::string& id) {
    std::vector<PendingEvent> events;
    events.push_back(MakeCreated());
    absl::StatusOr<std::shared_ptr<JobJournal>> job =
        journal_->CreateJob(id, std::move(events), v1::Job());
    EXPECT_TRUE(job.ok()) << job.status();
    return *std::move(job);
  }

  // Gives what comes of the append, in time.
  static std::future<absl::Status> Append(JobJournal& job, std::vector<PendingEvent> events) {
    auto result = std::make_shared<std::promise<absl::Status>>();
    job.Append(
        std::move(events), std::nullopt,
        [result](const absl::StatusOr<JobJournal::Appended>& a) { result->set_value(a.status()); });
    return result->get_future();
  }
  static bool IsReady(const std::future<absl::Status>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  static void MakeRoom() {
    FaultyVfs::Get().fail_write = 0;
    FaultyVfs::Get().fail_errno = EIO;
    FaultyVfs::Get().most_bytes = 0;
  }
  void AwaitLog(const std::string& text, int times = 1) {
    server::MutexLock lock(mutex_);
    while (CountLogged(text) < times) logged_.Wait(mutex_);
  }
  int CountLog(const std::string& text) {
    server::MutexLock lock(mutex_);
    return CountLogged(text);
  }
  int CountLogged(const std::string& text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    int count = 0;
    for (size_t at = log_.find(text); at != std::string::npos; at = log_.find(text, at + 1)) {
      ++count;
    }
    return count;
  }

  // Fails unless the journal has these iterations after a restart, no others, without a gap.
  void ExpectStored(int64_t iterations) {
    journal_.reset();
    Open();
    const absl::StatusOr<std::vector<StoredJob>> jobs = journal_->Jobs();
    ASSERT_TRUE(jobs.ok()) << jobs.status();
    ASSERT_EQ(jobs->size(), 1u);
    const std::vector<v1::Event> events = ReadAll(*jobs->front().journal);
    ASSERT_EQ(events.size(), static_cast<size_t>(iterations) + 1);
    for (int64_t i = 0; i < iterations; ++i) {
      EXPECT_EQ(events[static_cast<size_t>(i) + 1].iteration().index(), i);
    }
    EXPECT_TRUE(jobs->front().journal->damage().ok());
  }

  TestFolder folder_;
  const std::string path_ = folder_.File("descent.db");
  std::unique_ptr<Journal> journal_;
  server::Mutex mutex_;
  server::CondVar logged_;
  std::string log_;
};

TEST_F(FullDiskTest, WhatWasAppendedWaitsForRoom) {
  const std::shared_ptr<JobJournal> job = Create("a");
  ASSERT_TRUE(AppendAndWait(*job, MakeIterations(0, 100)).ok());
  FaultyVfs::Get().fail_write = SQLITE_FULL;
  std::vector<std::future<absl::Status>> appends;
  for (int64_t i = 0; i < 5; ++i) appends.push_back(Append(*job, MakeIterations(100 + 10 * i, 10)));
  AwaitLog(kFull);
  const absl::Status health = journal_->health();
  EXPECT_EQ(std::string(health.message()),
            "the disk of " + folder_.path() + " is full (12 bytes free); waiting for room");
  EXPECT_EQ(GetErrorDetail(health).reason, reason::kDiskFull);
  EXPECT_EQ(job->stalled(), health);
  for (const auto& append : appends) EXPECT_FALSE(IsReady(append));
  EXPECT_EQ(job->head_revision(), 101);
  EXPECT_TRUE(job->Tail(101, 1000)->empty());
  EXPECT_EQ(ReadAll(*job).size(), 101u);

  MakeRoom();
  for (auto& append : appends) EXPECT_TRUE(append.get().ok());
  EXPECT_TRUE(journal_->health().ok());
  EXPECT_TRUE(AppendAndWait(*job, MakeIterations(150, 10)).ok());
  EXPECT_EQ(CountLog(kFull), 1);
  EXPECT_EQ(CountLog("has room again"), 1);
  ExpectStored(160);
}

// To SQLite it is an I/O error, but one whose cause is known.
TEST_F(FullDiskTest, AQuotaThatIsUsedUpIsWaitedForToo) {
  const std::shared_ptr<JobJournal> job = Create("a");
  FaultyVfs::Get().fail_errno = EDQUOT;
  FaultyVfs::Get().fail_write = SQLITE_IOERR_WRITE;
  std::future<absl::Status> append = Append(*job, MakeIterations(0, 10));
  AwaitLog(kFull);
  MakeRoom();
  EXPECT_TRUE(append.get().ok());
  ExpectStored(10);
}

TEST_F(FullDiskTest, NothingIsLostOrReorderedWhereRoomComesAndGoes) {
  const std::shared_ptr<JobJournal> job = Create("a");
  constexpr int64_t kAppends = 200;
  std::vector<int64_t> landed;  // the writer's, until the last one
  std::vector<int64_t> expected;
  std::promise<void> last;
  for (int64_t i = 0; i < kAppends; ++i) {
    FaultyVfs::Get().fail_write = i % 3 == 1 ? SQLITE_FULL : 0;
    job->Append(MakeIterations(i * 20, 20), std::nullopt,
                [&, i](const absl::StatusOr<JobJournal::Appended>& appended) {
                  if (appended.ok()) landed.push_back(i);
                  if (i == kAppends - 1) last.set_value();
                });
    expected.push_back(i);
    if (i % 20 == 4) AwaitLog(kFull);
  }
  MakeRoom();
  last.get_future().get();
  EXPECT_THAT(landed, ElementsAreArray(expected));
  ExpectStored(20 * kAppends);
}

// A transaction larger than SQLite's cache is written before its end.
TEST_F(FullDiskTest, AStatementInTheMiddleMayBeTheOneThatFindsNoRoom) {
  const std::shared_ptr<JobJournal> job = Create("a");
  FaultyVfs::Get().fail_write = SQLITE_FULL;
  std::vector<std::future<absl::Status>> appends;
  appends.push_back(Append(*job, MakeIterations(0, 1)));
  AwaitLog(kFull);
  // All that is queued meanwhile is one transaction, of 20 MB or more.
  constexpr int64_t kEach = 10'000;
  for (int64_t i = 0; i < 30; ++i) {
    appends.push_back(Append(*job, MakeIterations(1 + i * kEach, kEach)));
  }
  FaultyVfs::Get().most_bytes = 4 << 20;
  FaultyVfs::Get().fail_write = 0;
  AwaitLog(kFull, /*times=*/2);
  EXPECT_EQ(job->head_revision(), 2);
  MakeRoom();
  for (auto& append : appends) EXPECT_TRUE(append.get().ok());
  ExpectStored(1 + 30 * kEach);
}

TEST_F(FullDiskTest, AtTheEndWhatFoundNoRoomWasAcknowledgedToNobody) {
  const std::shared_ptr<JobJournal> job = Create("a");
  ASSERT_TRUE(AppendAndWait(*job, MakeIterations(0, 10)).ok());
  FaultyVfs::Get().fail_write = SQLITE_FULL;
  std::future<absl::Status> first = Append(*job, MakeIterations(10, 10));
  AwaitLog(kFull);
  std::future<absl::Status> second = Append(*job, MakeIterations(20, 10));
  journal_.reset();
  EXPECT_FALSE(first.get().ok());
  EXPECT_FALSE(second.get().ok());
  MakeRoom();
  ExpectStored(10);
}

TEST_F(FullDiskTest, NobodyIsKeptWaitingForANewJob) {
  const std::shared_ptr<JobJournal> job = Create("a");
  FaultyVfs::Get().fail_write = SQLITE_FULL;
  const auto create = [&] {
    std::vector<PendingEvent> events;
    events.push_back(MakeCreated());
    return journal_->CreateJob("b", std::move(events), v1::Job()).status();
  };
  EXPECT_EQ(create().code(), absl::StatusCode::kResourceExhausted);
  // Nothing waits, so nothing is wrong: the next one may find room.
  EXPECT_TRUE(journal_->health().ok());
  std::future<absl::Status> append = Append(*job, MakeIterations(0, 10));
  AwaitLog("nothing is acknowledged");
  const absl::Status refused = create();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetail(refused).reason, reason::kDiskFull);
  MakeRoom();
  EXPECT_TRUE(append.get().ok());
  EXPECT_TRUE(create().ok());
}

TEST_F(FullDiskTest, AJobIsDeletedWhereThereIsRoomForThatAlone) {
  const std::shared_ptr<JobJournal> job = Create("a");
  Create("old");
  const auto log_bytes = static_cast<int64_t>(std::filesystem::file_size(path_ + "-wal"));
  FaultyVfs::Get().most_bytes = log_bytes + (128 << 10);
  std::future<absl::Status> append = Append(*job, MakeIterations(0, 10'000));
  AwaitLog(kFull);
  EXPECT_TRUE(journal_->DeleteJob("old").ok());
  EXPECT_FALSE(IsReady(append));
  FaultyVfs::Get().fail_write = SQLITE_FULL;
  EXPECT_EQ(journal_->DeleteJob("a").code(), absl::StatusCode::kResourceExhausted);
  MakeRoom();
  EXPECT_TRUE(append.get().ok());
  ExpectStored(10'000);
}

TEST_F(FullDiskTest, AStoreThatCannotBeMadeSaysWhatToDo) {
  FaultyVfs::Get().fail_write = SQLITE_FULL;
  const absl::Status status =
      Journal::Open({.path = folder_.File("new.db"), .vfs = FaultyVfs::kName}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("its disk is full: make room"), Not(HasSubstr("PRAGMA"))));
}

TEST_F(FullDiskTest, AWatcherIsToldThatItIsAndThatItIsOver) {
  const std::shared_ptr<JobJournal> job = Create("a");
  absl::StatusOr<WatchCursor> cursor = WatchCursor::Create(job, 1, {});
  ASSERT_TRUE(cursor.ok());
  WatchPiece piece;
  const auto stalled = [&] {
    v1::WatchJobResponse response;
    EXPECT_TRUE(response.ParseFromString(piece.trailer));
    return response.stalled();
  };
  EXPECT_FALSE(cursor->Announce(&piece));
  FaultyVfs::Get().fail_write = SQLITE_FULL;
  std::future<absl::Status> append = Append(*job, MakeIterations(0, 10));
  AwaitLog(kFull);
  EXPECT_EQ(cursor->Poll(&piece), WatchCursor::Next::kAtHead);
  ASSERT_TRUE(cursor->Announce(&piece));
  EXPECT_THAT(stalled(), HasSubstr("waiting for room"));
  EXPECT_FALSE(cursor->Announce(&piece));  // once
  MakeRoom();
  EXPECT_TRUE(append.get().ok());
  ASSERT_EQ(cursor->Poll(&piece), WatchCursor::Next::kPiece);
  EXPECT_EQ(piece.events, 10);
  EXPECT_EQ(stalled(), "");
}

}  // namespace
}  // namespace descent::daemon
