// Tests that a backup is the store of one moment, checkpoints included, whatever is written
// meanwhile.
#include "server/daemon/backup/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "proto/rules/names.h"
#include "server/daemon/backup/restore.h"
#include "server/daemon/jobs/checkpoint_check.h"
#include "server/daemon/jobs/digest.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class BackupTest : public ::testing::Test {
 protected:
  BackupTest() {
    std::filesystem::create_directories(data_dir_ + "/jobs");
    absl::StatusOr<std::unique_ptr<Journal>> journal =
        Journal::Open({.path = data_dir_ + "/descent.db"});
    EXPECT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
  }

  std::shared_ptr<JobJournal> Create(const std::string& id, int64_t keep) {
    v1::Event created;
    created.mutable_created()->mutable_spec()->mutable_checkpoints()->set_keep(keep);
    std::vector<PendingEvent> events;
    events.push_back(ToPending(created));
    v1::Job snapshot;
    snapshot.set_name(rules::JobName(id));
    snapshot.set_head_revision(1);
    std::filesystem::create_directories(CheckpointsOf(id));
    return *journal_->CreateJob(id, std::move(events), snapshot);
  }

  // Does what a worker does: the file in one piece, then the event.
  void Save(JobJournal& job, int64_t iteration) {
    const std::string name = rules::CheckpointName(0, iteration);
    const std::string path = rules::CheckpointPath(CheckpointsOf(job.job_id()), name);
    const std::string bytes = "the parameters of iteration " + std::to_string(iteration);
    std::ofstream(path + ".tmp") << bytes;
    std::filesystem::rename(path + ".tmp", path);
    v1::Event saved;
    saved.mutable_checkpoint_saved()->set_checkpoint(name);
    saved.mutable_checkpoint_saved()->set_iteration(iteration);
    saved.mutable_checkpoint_saved()->set_sha256(FileSha256(path));
    saved.mutable_checkpoint_saved()->set_bytes(static_cast<int64_t>(bytes.size()));
    const auto appended = AppendAndWait(job, {ToPending(saved)});
    EXPECT_TRUE(appended.ok()) << appended.status();
  }
  void Remove(const std::string& id, int64_t iteration) {
    std::filesystem::remove(
        rules::CheckpointPath(CheckpointsOf(id), rules::CheckpointName(0, iteration)));
  }
  std::string CheckpointsOf(const std::string& id, const std::string& folder = "") const {
    return (folder.empty() ? data_dir_ : folder) + "/jobs/" + id + "/checkpoints";
  }
  static std::vector<std::string> NamesIn(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  TestFolder folder_;
  const std::string data_dir_ = folder_.File("data");
  const std::string backup_ = folder_.File("backup");
  std::unique_ptr<Journal> journal_;
};

TEST_F(BackupTest, HoldsTheJournalsAndTheCheckpointsThatTheyKeep) {
  const std::shared_ptr<JobJournal> a = Create("a", 2);
  for (const int64_t iteration : {10, 20, 30}) Save(*a, iteration);
  Remove("a", 10);
  Create("b", 1);
  std::ofstream(CheckpointsOf("a") + "/0-40.safetensors.1-1.tmp") << "not finished";
  std::vector<std::string> said;
  const absl::StatusOr<BackupResult> made =
      Backup({.data_dir = data_dir_, .folder = backup_},
             [&](const std::string& what) { said.push_back(what); });
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->report.whole());
  EXPECT_EQ(made->report.jobs.size(), 2u);
  EXPECT_EQ(made->checkpoints, 2);
  EXPECT_THAT(said, testing::Contains("copies checkpoint 0-30 of jobs/a"));
  EXPECT_THAT(NamesIn(backup_), UnorderedElementsAre("descent.db", "jobs", kBackupNote));
  EXPECT_THAT(NamesIn(CheckpointsOf("a", backup_)),
              UnorderedElementsAre("0-20.safetensors", "0-30.safetensors"));
  // Nothing of the work is left in the store.
  EXPECT_THAT(NamesIn(data_dir_),
              UnorderedElementsAre("descent.db", "descent.db-wal", "descent.db-shm", "jobs"));
}

TEST_F(BackupTest, IsOfOneMomentWhileCheckpointsComeAndGo) {
  const std::shared_ptr<JobJournal> a = Create("a", 1);
  const std::shared_ptr<JobJournal> b = Create("b", 3);
  std::atomic<bool> stop = false;
  // As the daemon does it: what a newer one has pushed out is removed once that is durable.
  std::thread writer([&] {
    for (int64_t iteration = 1; !stop; ++iteration) {
      Save(*a, iteration);
      if (iteration > 1) Remove("a", iteration - 1);
      Save(*b, iteration);
      if (iteration > 3) Remove("b", iteration - 3);
    }
  });
  for (int i = 0; i < 10; ++i) {
    const std::string folder = backup_ + std::to_string(i);
    const absl::StatusOr<BackupResult> made = Backup({.data_dir = data_dir_, .folder = folder}, {});
    EXPECT_TRUE(made.ok()) << made.status();
    if (!made.ok()) break;
    EXPECT_TRUE(made->report.whole()) << testing::PrintToString(made->report.jobs[0].checkpoints);
    StoreReport report = *CheckStore(folder + "/descent.db");
    EXPECT_TRUE(CheckCheckpoints(folder, FileSha256, {}, &report).ok());
    EXPECT_TRUE(report.whole());
  }
  stop = true;
  writer.join();
}

TEST_F(BackupTest, TellsWhatTheStoreHadLost) {
  const std::shared_ptr<JobJournal> a = Create("a", 2);
  for (const int64_t iteration : {10, 20}) Save(*a, iteration);
  Remove("a", 10);
  const absl::StatusOr<BackupResult> made = Backup({.data_dir = data_dir_, .folder = backup_}, {});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->report.whole());
  EXPECT_THAT(made->report.jobs[0].checkpoints, ElementsAre(HasSubstr("is missing")));
}

TEST_F(BackupTest, IsRestoredAsItWas) {
  const std::shared_ptr<JobJournal> a = Create("a", 2);
  for (const int64_t iteration : {10, 20, 30}) Save(*a, iteration);
  Remove("a", 10);
  std::ofstream(data_dir_ + "/worker.key") << "secret";
  ASSERT_TRUE(Backup({.data_dir = data_dir_, .folder = backup_, .secrets = true}, {}).ok());
  Save(*a, 40);  // not in it
  const std::string restored = folder_.File("restored");
  std::filesystem::create_directory(restored);
  const absl::StatusOr<BackupResult> made = Restore(backup_, restored, {});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->report.whole());
  EXPECT_EQ(made->report.jobs[0].head_revision, 4);
  EXPECT_EQ(made->checkpoints, 2);
  EXPECT_TRUE(std::filesystem::exists(restored + "/worker.key"));
  // The backup is not the store: what is written to one is not in the other.
  struct stat one{};
  struct stat other{};
  ::stat((CheckpointsOf("a", restored) + "/0-30.safetensors").c_str(), &one);
  ::stat((CheckpointsOf("a", backup_) + "/0-30.safetensors").c_str(), &other);
  EXPECT_NE(one.st_ino, other.st_ino);
  const auto journal = Journal::Open({.path = restored + "/descent.db"});
  ASSERT_TRUE(journal.ok()) << journal.status();
  const std::vector<StoredJob> jobs = *(*journal)->Jobs();
  EXPECT_EQ(ReadAll(*jobs[0].journal).size(), 4u);
  EXPECT_TRUE(AppendAndWait(*jobs[0].journal, {MakeNotice("goes on")}).ok());
}

TEST_F(BackupTest, SecretsAreLeftOutUnlessAskedFor) {
  std::ofstream(data_dir_ + "/tokens.json") << "{}";
  ASSERT_TRUE(Backup({.data_dir = data_dir_, .folder = backup_}, {}).ok());
  EXPECT_FALSE(std::filesystem::exists(backup_ + "/tokens.json"));
}

TEST_F(BackupTest, SharesFilesUnlessCopiesAreAskedFor) {
  const std::shared_ptr<JobJournal> a = Create("a", 1);
  Save(*a, 1);
  const auto links = [&](const std::string& folder) {
    return std::filesystem::hard_link_count(CheckpointsOf("a", folder) + "/0-1.safetensors");
  };
  ASSERT_TRUE(Backup({.data_dir = data_dir_, .folder = backup_, .no_links = true}, {}).ok());
  EXPECT_EQ(links(backup_), 1u);
  ASSERT_TRUE(Backup({.data_dir = data_dir_, .folder = backup_ + "2"}, {}).ok());
  EXPECT_EQ(links(backup_ + "2"), 2u);
}

TEST_F(BackupTest, RefusesWhatItWouldMixWithOtherThings) {
  std::filesystem::create_directory(backup_);
  std::ofstream(backup_ + "/mine") << "x";
  const auto refused = Backup({.data_dir = data_dir_, .folder = backup_}, {});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("is not empty"));
  EXPECT_THAT(NamesIn(backup_), ElementsAre("mine"));
  EXPECT_EQ(Backup({.data_dir = folder_.File("none"), .folder = backup_ + "2"}, {}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(BackupTest, RefusesALinkThatLeadsNowhereAndTheStoreItself) {
  std::filesystem::create_symlink(folder_.File("nothing"), backup_);
  const absl::Status link = Backup({.data_dir = data_dir_, .folder = backup_}, {}).status();
  EXPECT_EQ(link.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(link.message()), HasSubstr("is a link that leads nowhere"));
  const std::vector<std::string> before = NamesIn(data_dir_);
  std::filesystem::create_symlink(data_dir_, folder_.File("store"));
  for (const std::string& inside : {data_dir_ + "/backup", folder_.File("store") + "/a/b"}) {
    const absl::Status status = Backup({.data_dir = data_dir_, .folder = inside}, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("is in the store itself"));
  }
  EXPECT_EQ(NamesIn(data_dir_).size(), before.size());
  EXPECT_TRUE(Backup({.data_dir = data_dir_, .folder = data_dir_ + "2"}, {}).ok());
}

TEST_F(BackupTest, OfTwoIntoOneFolderOneIsMade) {
  const std::shared_ptr<JobJournal> a = Create("a", 2);
  Save(*a, 10);
  for (int round = 0; round < 5; ++round) {
    const std::string folder = backup_ + std::to_string(round);
    absl::Status second;
    std::thread other(
        [&] { second = Backup({.data_dir = data_dir_, .folder = folder}, {}).status(); });
    const absl::Status first = Backup({.data_dir = data_dir_, .folder = folder}, {}).status();
    other.join();
    EXPECT_NE(first.ok(), second.ok()) << first << "\n" << second;
    EXPECT_TRUE(std::filesystem::exists(folder + "/" + kBackupNote));
  }
}

TEST_F(BackupTest, WhatIsNoFileIsACheckpointThatIsMissing) {
  const std::shared_ptr<JobJournal> a = Create("a", 2);
  for (const int64_t iteration : {10, 20}) Save(*a, iteration);
  ASSERT_TRUE(Backup({.data_dir = data_dir_, .folder = backup_}, {}).ok());
  const std::string file = CheckpointsOf("a", backup_) + "/0-10.safetensors";
  std::filesystem::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), S_IRWXU), 0);
  const std::string restored = folder_.File("restored");
  std::filesystem::create_directory(restored);
  const absl::StatusOr<BackupResult> made = Restore(backup_, restored, {});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->checkpoints, 1);
  EXPECT_THAT(made->report.jobs[0].checkpoints, ElementsAre(HasSubstr("is missing")));
}

// A full disk is told by the same words as this limit: those of the call that failed.
TEST_F(BackupTest, SaysWhyAFileCannotBeWritten) {
  Save(*Create("a", 1), 10);
  ASSERT_TRUE(Backup({.data_dir = data_dir_, .folder = backup_}, {}).ok());
  std::ofstream(CheckpointsOf("a", backup_) + "/0-99.safetensors") << std::string(2 << 20, 'x');
  const std::string restored = folder_.File("restored");
  std::filesystem::create_directory(restored);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = Restore(backup_, restored, {}).status();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(std::string(status.message()), HasSubstr("File too large"));
  EXPECT_THAT(NamesIn(restored), IsEmpty());
}

// Whoever is killed over it leaves a folder without the note.
TEST_F(BackupTest, RestoresNothingFromWhatIsUnfinishedOrChanged) {
  const std::string restored = folder_.File("restored");
  std::filesystem::create_directory(restored);
  ASSERT_TRUE(Backup({.data_dir = data_dir_, .folder = backup_}, {}).ok());
  const std::string note = backup_ + "/" + kBackupNote;
  std::filesystem::rename(note, note + ".away");
  EXPECT_EQ(Restore(backup_, restored, {}).status().code(), absl::StatusCode::kNotFound);
  std::filesystem::rename(note + ".away", note);
  std::ofstream(backup_ + "/descent.db", std::ios::app) << "x";
  const absl::Status changed = Restore(backup_, restored, {}).status();
  EXPECT_EQ(changed.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(changed.message()), HasSubstr("SHA-256"));
  EXPECT_THAT(NamesIn(restored), IsEmpty());
}

}  // namespace
}  // namespace descent::daemon
