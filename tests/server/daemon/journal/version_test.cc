// Tests what the journal does with stores of earlier versions, and of one to come.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "server/daemon/journal/check.h"
#include "tests/server/daemon/journal/journal_testing.h"
#include "tests/server/daemon/journal/store_fixture.h"

namespace descent::daemon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using VersionTest = StoreTest;

// The tables of version 1.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE jobs (number INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL UNIQUE,
  snapshot BLOB NOT NULL, compacted_revision INTEGER NOT NULL DEFAULT 0,
  iteration_bytes INTEGER NOT NULL DEFAULT 0, counted_revision INTEGER NOT NULL DEFAULT 0);
CREATE TABLE rows (id INTEGER PRIMARY KEY, last_revision INTEGER NOT NULL, kind INTEGER NOT NULL,
  branch INTEGER NOT NULL, first_iteration INTEGER NOT NULL, last_iteration INTEGER NOT NULL,
  entries BLOB NOT NULL);
CREATE INDEX rows_of_other_kinds ON rows (id, kind) WHERE kind <> 13;
CREATE TABLE rollups (job INTEGER NOT NULL, branch INTEGER NOT NULL, bucket INTEGER NOT NULL,
  first_iteration INTEGER NOT NULL, last_iteration INTEGER NOT NULL,
  first_revision INTEGER NOT NULL, last_revision INTEGER NOT NULL, count INTEGER NOT NULL,
  value_count INTEGER NOT NULL, value_min REAL, value_max REAL, value_mean REAL, value_last REAL,
  gradient_norm_count INTEGER NOT NULL, gradient_norm_min REAL, gradient_norm_max REAL,
  gradient_norm_mean REAL, gradient_norm_last REAL, step_size_count INTEGER NOT NULL,
  step_size_min REAL, step_size_max REAL, step_size_mean REAL, step_size_last REAL,
  PRIMARY KEY (job, branch, bucket)) WITHOUT ROWID;
CREATE TABLE deleted_jobs (number INTEGER PRIMARY KEY);
PRAGMA application_id = 1148415604; PRAGMA user_version = 1;
)sql";

// This takes away what version 4 added.
constexpr const char* kBackToVersion3 = R"sql(
ALTER TABLE jobs DROP COLUMN last_other_revision; ALTER TABLE jobs DROP COLUMN checksum;
ALTER TABLE deleted_jobs DROP COLUMN checksum; ALTER TABLE folders_to_remove DROP COLUMN checksum;
PRAGMA user_version = 3;
)sql";

// Version 2 stored roll-ups without checksums.
TEST_F(VersionTest, RollUpsOfVersion2GetTheirChecksums) {
  std::shared_ptr<JobJournal> a = Create("a");
  ASSERT_TRUE(AppendAndWait(*a, MakeIterations(0, 5000)).ok());
  ASSERT_TRUE(AppendAndWait(*a, MakeIterations(5000, 5000)).ok());
  a->Retain(1 << 18);
  while (a->compacted_revision() == 0) {
    ASSERT_TRUE(AppendAndWait(*a, {MakeNotice("waiting")}).ok());
  }
  a.reset();
  Close();
  Sql(kBackToVersion3);
  Sql("ALTER TABLE rollups DROP COLUMN checksum; DROP TABLE heads; PRAGMA user_version = 2");
  EXPECT_EQ(CheckStore(path_).status().code(), absl::StatusCode::kFailedPrecondition);
  Open();
  Close();
  EXPECT_TRUE(CheckStore(path_)->whole());
}

TEST_F(VersionTest, TheLineOfAStoreOfVersion3IsProtectedFromNowOn) {
  CreateLong("a");
  CreateLong("b");
  EXPECT_TRUE(journal_->DeleteJob("b").ok());
  Create("c");
  Close();
  Sql(kBackToVersion3);
  EXPECT_EQ(CheckStore(path_).status().code(), absl::StatusCode::kFailedPrecondition);
  Open();
  EXPECT_EQ(ReadAll(*Job("a")).size(), 481u);
  EXPECT_THAT(*journal_->FoldersToRemove(), ElementsAre("b"));
  Close();
  EXPECT_TRUE(CheckStore(path_)->whole());
  Sql("UPDATE jobs SET compacted_revision = 3 WHERE job_id = 'a'");
  EXPECT_THAT(CheckStore(path_)->jobs[0].damage, HasSubstr("is not what was written"));
}

TEST_F(VersionTest, AStoreOfVersion1IsBroughtUpToDateAndProtected) {
  CreateLong("a");
  CreateLong("b");
  const std::vector<v1::Event> before = ReadAll(*Job("a"));
  Close();
  const std::string newer = folder_.File("newer.db");
  std::filesystem::rename(path_, newer);
  Sql(kVersion1);
  Sql("ATTACH '" + newer +
      "' AS newer; INSERT INTO jobs SELECT number, job_id, snapshot, compacted_revision, "
      "iteration_bytes, counted_revision FROM newer.jobs; INSERT INTO rows SELECT id, "
      "last_revision, kind, branch, first_iteration, last_iteration, entries FROM newer.rows");
  Open();
  ASSERT_NE(Job("a"), nullptr);
  const std::vector<v1::Event> after = ReadAll(*Job("a"));
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].SerializeAsString(), before[i].SerializeAsString());
  }
  EXPECT_EQ(EventsOf(*Job("b")->FindRequest("r3")).size(), 2u);
  EXPECT_TRUE(CheckStore(path_)->whole());
  ASSERT_TRUE(AppendAndWait(*Job("a"), MakeIterations(400, 10)).ok());
  Close();
  Sql("UPDATE rows SET entries = zeroblob(length(entries)) WHERE id = (1 << 40) + 24");
  Open();
  ExpectOnlyADamaged("24");
}

TEST_F(VersionTest, AVersionToComeIsSaidAlikeByDaemonAndCheck) {
  Close();
  Sql("PRAGMA user_version = 77");
  const absl::Status checked = CheckStore(path_).status();
  EXPECT_THAT(std::string(checked.message()),
              AllOf(HasSubstr("version 77"), HasSubstr("made by a newer Descent")));
  EXPECT_THAT(std::string(Journal::Open({.path = path_}).status().message()),
              HasSubstr(std::string(checked.message())));
}

}  // namespace
}  // namespace descent::daemon
