// Tests what the journal does when its store is locked, taken away, no file, or not to be written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "server/common/mutex.h"
#include "server/daemon/journal/check.h"
#include "tests/server/daemon/journal/journal_testing.h"
#include "tests/server/daemon/journal/store_fixture.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;

using StoreFileTest = StoreTest;

TEST_F(StoreFileTest, ACopyThatCannotBeWrittenIsChecked) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  CreateLong("a");
  Close();
  const std::filesystem::path copy = folder_.File("copy 100%?");
  std::filesystem::create_directory(copy);
  std::filesystem::copy(path_, copy / "descent.db");
  std::filesystem::permissions(copy, std::filesystem::perms(0500));
  const absl::StatusOr<StoreReport> report = CheckStore((copy / "descent.db").string());
  std::filesystem::permissions(copy, std::filesystem::perms(0700));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->whole());
}

// SQLite would wait for somebody to write to it.
TEST_F(StoreFileTest, WhatIsNoFileIsSaidAlikeByDaemonAndCheck) {
  Close();
  for (const std::string& file : {path_ + "-wal", path_}) {
    std::filesystem::remove(file);
    ASSERT_EQ(::mkfifo(file.c_str(), S_IRUSR | S_IWUSR), 0);
    const absl::Status checked = CheckStore(path_).status();
    EXPECT_EQ(checked.code(), absl::StatusCode::kFailedPrecondition) << checked;
    EXPECT_THAT(std::string(checked.message()), HasSubstr(file + " is a FIFO, not a file"));
    EXPECT_THAT(std::string(Journal::Open({.path = path_}).status().message()),
                HasSubstr(std::string(checked.message())));
    std::filesystem::remove(file);
  }
}

TEST_F(StoreFileTest, AnotherProgramsLockIsWaitedForAndSaid) {
  const std::shared_ptr<JobJournal> job = Create("a");
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  std::promise<absl::Status> appended;
  job->Append(
      MakeIterations(0, 10), std::nullopt,
      [&](const absl::StatusOr<JobJournal::Appended>& a) { appended.set_value(a.status()); });
  {
    server::MutexLock lock(mutex_);
    while (log_.find("locked") == std::string::npos) logged_.Wait(mutex_);
  }
  EXPECT_THAT(std::string(journal_->health().message()), HasSubstr("another program"));
  ASSERT_EQ(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_TRUE(appended.get_future().get().ok());
  EXPECT_TRUE(AppendAndWait(*job, MakeIterations(10, 1)).ok());
  EXPECT_TRUE(journal_->health().ok());
  sqlite3_close(other);
}

TEST_F(StoreFileTest, TheEndDoesNotWaitForAnotherProgramsLock) {
  const std::shared_ptr<JobJournal> job = Create("a");
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  absl::Status status;
  job->Append(MakeIterations(0, 10), std::nullopt,
              [&](const absl::StatusOr<JobJournal::Appended>& a) { status = a.status(); });
  Close();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  sqlite3_close(other);
}

class TakenAwayTest : public StoreFileTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(TakenAwayTest, NothingIsAcknowledgedThatNobodyWillFind) {
  const std::string file = path_ + GetParam();
  const std::shared_ptr<JobJournal> job = Create("a");
  ASSERT_EQ(::unlink(file.c_str()), 0);
  EXPECT_EQ(AppendAndWait(*job, MakeIterations(0, 10)).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(job->head_revision(), 1);
  EXPECT_THAT(std::string(journal_->health().message()), HasSubstr(file + " was deleted"));
  // For good, although there is a file of this name again.
  std::ofstream(file) << "";
  EXPECT_FALSE(AppendAndWait(*job, MakeIterations(0, 10)).ok());
}

TEST_P(TakenAwayTest, ThatItWasReplacedIsNoticedWithoutAnAppend) {
  const std::string file = path_ + GetParam();
  const std::shared_ptr<JobJournal> job = Create("a");
  std::filesystem::copy(file, file + ".copy");
  std::filesystem::rename(file + ".copy", file);
  EXPECT_THAT(std::string(journal_->health().message()), HasSubstr(file + " was replaced"));
  EXPECT_FALSE(AppendAndWait(*job, MakeIterations(0, 10)).ok());
}

INSTANTIATE_TEST_SUITE_P(Files, TakenAwayTest, ::testing::Values("", "-wal", "-shm"));

}  // namespace
}  // namespace descent::daemon
