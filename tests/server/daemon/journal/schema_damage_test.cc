// Tests what the journal does when its notes, tables or indexes are others than it made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "server/daemon/journal/check.h"
#include "tests/server/daemon/journal/journal_testing.h"
#include "tests/server/daemon/journal/store_fixture.h"

namespace descent::daemon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using SchemaDamageTest = StoreTest;

TEST_F(SchemaDamageTest, NotesThatNobodyWroteRemoveNothing) {
  CreateLong("a");
  CreateLong("b");
  Close();
  Sql("INSERT INTO deleted_jobs (number) VALUES (2);"
      "INSERT INTO folders_to_remove (job_id) VALUES ('../../etc'), ('b'), ('c')");
  const absl::StatusOr<StoreReport> report = CheckStore(path_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->problems,
              ElementsAre(HasSubstr("job number 2 was deleted"), HasSubstr("\"../../etc\""),
                          HasSubstr("\"b\""), HasSubstr("\"c\"")));
  Open();
  EXPECT_THAT(*journal_->FoldersToRemove(), IsEmpty());
  EXPECT_TRUE(journal_->DeleteJob("a").ok());  // what removes rows is at work
  Open();
  EXPECT_EQ(ReadAll(*Job("b")).size(), 481u);
  EXPECT_TRUE(CheckStore(path_)->whole());
}

TEST_F(SchemaDamageTest, TheNumberOfTheLastJobIsMadeAnew) {
  Create("a");
  int created = 0;
  for (const char* change : {"seq = 0", "seq = 1 << 60", "name = 'x'"}) {
    Close();
    Sql(std::string("UPDATE sqlite_sequence SET ") + change);
    EXPECT_FALSE(CheckStore(path_)->whole()) << change;
    Open();
    EXPECT_FALSE(journal_->is_new());
    EXPECT_TRUE(Create("b" + std::to_string(++created))->damage().ok());
    EXPECT_TRUE(CheckStore(path_)->whole()) << change;
  }
}

TEST_F(SchemaDamageTest, AnIndexThatIsMissingIsMadeAnew) {
  CreateLong("a");
  for (const char* index : {"rows_of_other_kinds", "rows_of_requests", "rows_of_evaluations"}) {
    Close();
    Sql(std::string("DROP INDEX ") + index);
    const absl::StatusOr<StoreReport> report = CheckStore(path_);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_FALSE(report->readable);
    EXPECT_THAT(report->problems,
                ElementsAre(AllOf(HasSubstr(index), HasSubstr("descentd makes"))));
    Open();
    EXPECT_EQ(EventsOf(*Job("a")->FindRequest("r3")).size(), 2u);
    EXPECT_TRUE(CheckStore(path_)->whole());
  }
}

TEST_F(SchemaDamageTest, AnotherIndexOfItsNameIsMadeAnewToo) {
  CreateLong("a");
  Close();
  Sql("DROP INDEX rows_of_requests; CREATE INDEX rows_of_requests ON rows (request_id)");
  EXPECT_FALSE(CheckStore(path_)->whole());
  Open();
  EXPECT_TRUE(CheckStore(path_)->whole());
}

TEST_F(SchemaDamageTest, ATriggerIsSaid) {
  Create("a");
  Close();
  Sql("CREATE TRIGGER sly AFTER INSERT ON rows BEGIN DELETE FROM rows WHERE id = new.id; END");
  EXPECT_THAT(CheckStore(path_)->problems, ElementsAre(HasSubstr("the trigger `sly`")));
}

class SchemaTest : public SchemaDamageTest,
                   public ::testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(SchemaTest, TablesThatAreNotThereAreSaidInWords) {
  Create("a");
  Close();
  Sql(GetParam().first);
  const absl::Status refused = Journal::Open({.path = path_}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss) << refused;
  const absl::StatusOr<StoreReport> report = CheckStore(path_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->whole());
  EXPECT_FALSE(report->readable);
  ASSERT_FALSE(report->problems.empty());
  for (const std::string& text : {std::string(refused.message()), report->problems[0]}) {
    EXPECT_THAT(text, AllOf(HasSubstr(GetParam().second), HasSubstr("from a copy"),
                            Not(HasSubstr("SELECT")), Not(HasSubstr("SQLite code"))));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tables, SchemaTest,
    ::testing::Values(
        std::pair("DROP TABLE jobs", "the table `jobs` is missing"),
        std::pair("DROP TABLE rows", "the table `rows` is missing"),
        std::pair("DROP TABLE rollups", "the table `rollups` is missing"),
        std::pair("DROP TABLE heads", "the table `heads` is missing"),
        std::pair("DROP TABLE deleted_jobs", "the table `deleted_jobs` is missing"),
        std::pair("DROP TABLE folders_to_remove", "the table `folders_to_remove` is missing"),
        std::pair("ALTER TABLE rows DROP COLUMN checksum",
                  "the column `checksum` of the table `rows` is missing"),
        std::pair("ALTER TABLE jobs RENAME COLUMN snapshot TO snapsh0t",
                  "the column `snapshot` of the table `jobs` is missing"),
        std::pair("PRAGMA user_version = 3", "the table `jobs` has a column `checksum`"),
        std::pair("PRAGMA user_version = 2", "has a column"),
        std::pair("PRAGMA user_version = 1", "has a column"),
        std::pair("PRAGMA user_version = 0", "it is of version 0"),
        std::pair("PRAGMA user_version = -1", "it is of version -1")));

}  // namespace
}  // namespace descent::daemon
