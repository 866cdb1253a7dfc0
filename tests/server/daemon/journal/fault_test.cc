// Tests what the store promises when disks fail and processes die.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "server/common/log.h"
#include "tests/server/daemon/journal/faulty_vfs.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Journal> OpenJournal(const std::string& path, const std::string& vfs = "") {
  Journal::Options options;
  options.path = path;
  options.vfs = vfs;
  absl::StatusOr<std::unique_ptr<Journal>> journal = Journal::Open(options);
  EXPECT_TRUE(journal.ok()) << journal.status();
  return journal.ok() ? *std::move(journal) : nullptr;
}

std::shared_ptr<JobJournal> CreateJob(Journal& journal, const std::string& id) {
  std::vector<PendingEvent> events;
  events.push_back(MakeCreated());
  absl::StatusOr<std::shared_ptr<JobJournal>> job =
      journal.CreateJob(id, std::move(events), v1::Job());
  EXPECT_TRUE(job.ok()) << job.status();
  return *std::move(job);
}

// The head of the one journal in the store, every event of which must be there and whole.
int64_t CheckedHead(const std::string& path) {
  std::unique_ptr<Journal> journal = OpenJournal(path);
  if (journal == nullptr) return -1;
  absl::StatusOr<std::vector<StoredJob>> jobs = journal->Jobs();
  if (jobs->size() != 1) return -2;
  const std::vector<v1::Event> events = ReadAll(*(*jobs)[0].journal);
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].revision() != static_cast<int64_t>(i) + 1) return -3;
    if (i > 0 && events[i].iteration().index() != static_cast<int64_t>(i) - 1) return -4;
  }
  const int64_t head = (*jobs)[0].journal->head_revision();
  return head == static_cast<int64_t>(events.size()) ? head : -5;
}

class FaultTest : public ::testing::Test {
 protected:
  FaultTest() {
    server::SetLogSink([this](const std::string& line) { log_ += line; });
  }
  ~FaultTest() override {
    FaultyVfs::Get().fail_sync = 0;
    FaultyVfs::Get().fail_write = 0;
    FaultyVfs::Get().fail_errno = EIO;
    FaultyVfs::Get().synced_folder.clear();
    server::SetLogSink({});
  }

  // The store fails with `fault` set to `code`, stays failed when the fault goes away, and has what
  // it acknowledged after a restart.
  void FailsForGood(std::atomic<int>& fault, int code, const std::string& says) {
    const std::string path = folder_.File("descent.db");
    std::unique_ptr<Journal> journal = OpenJournal(path, FaultyVfs::kName);
    std::shared_ptr<JobJournal> job = CreateJob(*journal, "a");
    ASSERT_TRUE(AppendAndWait(*job, MakeIterations(0, 100)).ok());
    EXPECT_TRUE(journal->health().ok());
    fault = code;
    const absl::Status failed = AppendAndWait(*job, MakeIterations(100, 1)).status();
    EXPECT_EQ(failed.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(failed.ToString(), HasSubstr(says));
    EXPECT_EQ(job->head_revision(), 101);
    EXPECT_TRUE(job->Tail(101, 1000)->empty());
    fault = 0;
    EXPECT_EQ(AppendAndWait(*job, MakeIterations(101, 1)).status().code(),
              absl::StatusCode::kUnavailable);
    EXPECT_EQ(journal->CreateJob("b", {}, v1::Job()).status().code(),
              absl::StatusCode::kUnavailable);
    EXPECT_EQ(journal->DeleteJob("a").code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(journal->health().ToString(), HasSubstr(says));
    EXPECT_THAT(log_, HasSubstr("ERROR journal: nothing can be written"));
    EXPECT_EQ(ReadAll(*job).size(), 101u);  // what there is can still be read
    job.reset();
    journal.reset();
    EXPECT_GE(CheckedHead(path), 101);
  }

  TestFolder folder_;
  std::string log_;
};

TEST_F(FaultTest, AFailedFsyncFailsTheJournalForGood) {
  FailsForGood(FaultyVfs::Get().fail_sync, SQLITE_IOERR_FSYNC, "disk I/O error");
}

// Nobody knows what an fsync that found no room has left on the disk.
TEST_F(FaultTest, AnFsyncThatMeetsAFullDiskFailsTheJournalForGood) {
  FaultyVfs::Get().fail_errno = ENOSPC;
  FailsForGood(FaultyVfs::Get().fail_sync, SQLITE_IOERR_FSYNC, "disk I/O error");
}

TEST_F(FaultTest, AFailedWriteFailsTheJournalForGood) {
  FailsForGood(FaultyVfs::Get().fail_write, SQLITE_IOERR_WRITE, "disk I/O error");
}

TEST_F(FaultTest, WhatIsAcknowledgedHasBeenSynced) {
  FaultyVfs& vfs = FaultyVfs::Get();
  vfs.synced_folder = folder_.File("synced");
  std::filesystem::create_directory(vfs.synced_folder);
  const std::string path = folder_.File("descent.db");
  std::map<std::string, int64_t> acknowledged;  // by the copy of the disk made at that moment
  {
    std::unique_ptr<Journal> journal = OpenJournal(path, FaultyVfs::kName);
    std::shared_ptr<JobJournal> job = CreateJob(*journal, "a");
    int64_t iteration = 0;
    for (int i = 0; i < 200; ++i) {
      const int64_t n = i % 50 == 49 ? 20'000 : 1 + i % 7;  // now and then enough for a checkpoint
      job->Append(MakeIterations(iteration, n), std::nullopt,
                  [&, last = iteration + n + 1, i](const absl::StatusOr<JobJournal::Appended>& a) {
                    ASSERT_TRUE(a.ok());
                    if (i % 10 != 3 && i % 50 > 1) return;
                    const std::string copy = folder_.File("copy" + std::to_string(i));
                    std::filesystem::copy(vfs.synced_folder, copy);
                    acknowledged[copy] = last;
                  });
      iteration += n;
    }
  }
  vfs.synced_folder.clear();
  ASSERT_GT(acknowledged.size(), 20u);
  for (const auto& [copy, last] : acknowledged) {
    EXPECT_GE(CheckedHead(copy + "/descent.db"), last) << copy;
  }
}

// Appends until it is killed; writes the revision of every acknowledgement to `fd`.
[[noreturn]] void AppendForEver(const std::string& path, int fd) {
  std::unique_ptr<Journal> journal = OpenJournal(path);
  std::shared_ptr<JobJournal> job;
  absl::StatusOr<std::vector<StoredJob>> jobs = journal->Jobs();
  job = jobs->empty() ? CreateJob(*journal, "a") : (*jobs)[0].journal;
  std::atomic<int64_t> waiting{0};
  for (int64_t iteration = job->head_revision() - 1;;) {
    const int64_t n = 1 + iteration % 40;
    ++waiting;
    job->Append(MakeIterations(iteration, n), std::nullopt,
                [&, last = iteration + n + 1](const absl::StatusOr<JobJournal::Appended>& a) {
                  if (!a.ok() || ::write(fd, &last, sizeof last) != sizeof last) ::_exit(1);
                  --waiting;
                });
    iteration += n;
    while (waiting > 8) std::this_thread::yield();
  }
}

TEST_F(FaultTest, KilledInMidAppendItHasAContiguousPrefixWithAllThatWasAcknowledged) {
  const std::string path = folder_.File("descent.db");
  std::mt19937 random(7);
  for (int round = 0; round < 12; ++round) {
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(fds[0]);
      AppendForEver(path, fds[1]);
    }
    ::close(fds[1]);
    int64_t acknowledged = 0;
    for (int64_t left = 1 + static_cast<int64_t>(random() % 300); left > 0; --left) {
      ASSERT_EQ(::read(fds[0], &acknowledged, sizeof acknowledged),
                static_cast<ssize_t>(sizeof acknowledged));
    }
    ::kill(child, SIGKILL);
    while (::read(fds[0], &acknowledged, sizeof acknowledged) > 0) {
    }
    ::close(fds[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    ASSERT_GE(CheckedHead(path), acknowledged);
  }
}

TEST_F(FaultTest, AFileWithoutWritePermissionIsRefusedByName) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const std::string path = folder_.File("descent.db");
  OpenJournal(path).reset();
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  Journal::Options options;
  options.path = path;
  EXPECT_THAT(Journal::Open(options).status().ToString(), HasSubstr(path));
}

TEST_F(FaultTest, ADatabaseOfANewerVersionIsRefused) {
  const std::string path = folder_.File("descent.db");
  OpenJournal(path).reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version = 1000", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  Journal::Options options;
  options.path = path;
  const absl::Status status = Journal::Open(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("newer Descent"));
}

TEST_F(FaultTest, SomebodyElsesDatabaseIsRefused) {
  const std::string path = folder_.File("descent.db");
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "CREATE TABLE x (y)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  Journal::Options options;
  options.path = path;
  EXPECT_THAT(Journal::Open(options).status().ToString(), HasSubstr("not one of Descent's"));
}

}  // namespace
}  // namespace descent::daemon
