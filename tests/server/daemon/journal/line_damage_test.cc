// Tests what the journal does when a job's line in the table `jobs` is damaged or missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/daemon/journal/check.h"
#include "server/daemon/journal/watch_cursor.h"
#include "tests/server/daemon/journal/journal_testing.h"
#include "tests/server/daemon/journal/store_fixture.h"

namespace descent::daemon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using LineDamageTest = StoreTest;

TEST_F(LineDamageTest, AJobThatLostItsLineIsOutOfServiceAndWasNotDeleted) {
  CreateLong("a");
  CreateLong("b");
  Close();
  Sql("DELETE FROM jobs WHERE job_id = 'a'");
  const absl::StatusOr<StoreReport> report = CheckStore(path_);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->jobs.size(), 2u);
  EXPECT_EQ(report->jobs[0].damage, "");
  EXPECT_EQ(report->jobs[1].job_id, "lost-1");
  EXPECT_THAT(report->jobs[1].damage, HasSubstr("its line in the table `jobs` is missing"));

  Open();
  const std::shared_ptr<JobJournal> lost = Job("lost-1");
  ASSERT_NE(lost, nullptr);
  EXPECT_EQ(lost->damage().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(AppendAndWait(*lost, {MakeNotice("x")}).status(), lost->damage());
  EXPECT_THAT(std::string(journal_->damage().message()), HasSubstr("jobs/lost-1"));
  const absl::StatusOr<std::vector<StoredJob>> jobs = journal_->Jobs();
  EXPECT_FALSE(jobs->at(0).name_is_lost);
  EXPECT_TRUE(jobs->at(1).name_is_lost);
  EXPECT_THAT(*journal_->FoldersToRemove(), IsEmpty());
  EXPECT_EQ(ReadAll(*Job("b")).size(), 481u);

  EXPECT_TRUE(journal_->DeleteJob("lost-1").ok());
  EXPECT_TRUE(journal_->damage().ok());
  Open();
  EXPECT_EQ(Job("lost-1"), nullptr);
  EXPECT_TRUE(CheckStore(path_)->whole());
}

TEST_F(LineDamageTest, ALineThatIsTakenWhileItIsServedIsNoticedByTheNextWrite) {
  const std::shared_ptr<JobJournal> a = Create("a");
  const std::shared_ptr<JobJournal> b = Create("b");
  Sql("DELETE FROM jobs WHERE job_id = 'a'");
  const absl::Status damage = AppendAndWait(*a, {MakeNotice("x")}).status();
  EXPECT_EQ(damage.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(damage.message()),
              AllOf(HasSubstr("jobs/a "), HasSubstr("taken out of the table `jobs`")));
  EXPECT_EQ(a->damage(), damage);
  EXPECT_EQ(a->head_revision(), 1);
  EXPECT_THAT(std::string(journal_->damage().message()), HasSubstr("jobs/a"));
  EXPECT_TRUE(AppendAndWait(*b, {MakeNotice("goes on")}).ok());
  EXPECT_TRUE(journal_->health().ok());
  EXPECT_TRUE(journal_->DeleteJob("a").ok());
  Open();
  EXPECT_TRUE(CheckStore(path_)->whole());
}

// They write nothing to the line: where they end is noted, once a second and at the end.
TEST_F(LineDamageTest, SoItIsByIterationsAlone) {
  const std::shared_ptr<JobJournal> a = Create("a");
  Sql("DELETE FROM jobs");
  AppendAndWait(*a, MakeIterations(0, 10)).IgnoreError();
  Close();
  EXPECT_THAT(std::string(a->damage().message()), HasSubstr("taken out of the table `jobs`"));
}

TEST_F(LineDamageTest, RowsOfANumberThatNoJobCanHaveAreToldWithTheirRemedy) {
  CreateLong("a");
  Close();
  Sql("INSERT INTO rows SELECT id - (1 << 40), last_revision, kind, branch, first_iteration, "
      "last_iteration, entries, checksum, previous, NULL FROM rows WHERE id = (1 << 40) + 1");
  Sql("INSERT INTO rows SELECT id - (2 << 40), last_revision, kind, branch, first_iteration, "
      "last_iteration, entries, checksum, previous, NULL FROM rows WHERE id = (1 << 40) + 1");
  const absl::StatusOr<StoreReport> report = CheckStore(path_);
  ASSERT_EQ(report->problems.size(), 2u);
  for (const std::string& problem : report->problems) {
    const size_t begin = problem.find('"') + 1;
    Sql(problem.substr(begin, problem.rfind('"') - begin));
  }
  EXPECT_TRUE(CheckStore(path_)->whole());
}

TEST_F(LineDamageTest, SoIsOneWithoutRows) {
  Create("a");
  Close();
  Sql("DELETE FROM jobs; DELETE FROM rows");
  EXPECT_EQ(CheckStore(path_)->jobs.at(0).job_id, "lost-1");
}

TEST_F(LineDamageTest, ADeletedJobWhoseRowsRemainIsNotLost) {
  std::shared_ptr<JobJournal> a = Create("a");
  ASSERT_TRUE(AppendAndWait(*a, MakeIterations(0, 50'000)).ok());
  a.reset();
  ASSERT_TRUE(journal_->DeleteJob("a").ok());
  Close();
  EXPECT_TRUE(CheckStore(path_)->whole());
  Open();
  EXPECT_THAT(*journal_->Jobs(), IsEmpty());
}

class LineTest : public LineDamageTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(LineTest, ANumberOrNameInItThatIsAnotherIsNoticed) {
  ASSERT_TRUE(AppendAndWait(*Create("a"), MakeIterations(0, 10)).ok());
  ASSERT_TRUE(AppendAndWait(*Create("b"), MakeIterations(0, 10)).ok());
  Close();
  EXPECT_TRUE(CheckStore(path_)->whole());
  Sql(std::string("UPDATE jobs SET ") + GetParam() + " WHERE number = 1");
  Open();
  // The snapshot knows the name.
  const std::shared_ptr<JobJournal> a = Job("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->damage().code(), absl::StatusCode::kDataLoss) << a->damage();
  EXPECT_THAT(std::string(a->damage().message()),
              AllOf(HasSubstr("jobs/a "), HasSubstr("the table `jobs`")));
  // A watch is told that, not what follows from a wrong number.
  for (const int64_t after : {0, 1000}) {
    EXPECT_EQ(WatchCursor::Create(a, after, WatchFilter()).status(), a->damage());
  }
  ExpectOnlyADamaged("");
  Open();
  EXPECT_TRUE(CheckStore(path_)->whole());
  EXPECT_EQ(ReadAll(*Job("b")).size(), 12u);
}

INSTANTIATE_TEST_SUITE_P(Columns, LineTest,
                         ::testing::Values("compacted_revision = 100000", "compacted_revision = 5",
                                           "iteration_bytes = 1", "counted_revision = 3",
                                           "last_other_revision = 4", "checksum = NULL",
                                           "job_id = 'c'", "job_id = 'A'", "job_id = '../../etc'",
                                           "job_id = x'ff00'"));

TEST_F(LineDamageTest, AnotherNumberPartsAJobFromItsRows) {
  Create("a");
  Create("b");
  Close();
  Sql("UPDATE jobs SET number = 77 WHERE number = 1");
  Open();
  EXPECT_FALSE(Job("a")->damage().ok());
  EXPECT_FALSE(Job("lost-1")->damage().ok());
  EXPECT_TRUE(Job("b")->damage().ok());
  EXPECT_TRUE(journal_->DeleteJob("a").ok());
  EXPECT_TRUE(journal_->DeleteJob("lost-1").ok());
  Open();
  EXPECT_TRUE(CheckStore(path_)->whole());
}

TEST_F(LineDamageTest, JobsWhoseNamesWereExchangedKeepThoseThatTheirSnapshotsProve) {
  ASSERT_TRUE(AppendAndWait(*Create("a"), MakeIterations(0, 10)).ok());
  Create("b");
  Close();
  Sql("UPDATE jobs SET job_id = 'x' WHERE number = 1;"
      "UPDATE jobs SET job_id = 'a' WHERE number = 2;"
      "UPDATE jobs SET job_id = 'b' WHERE number = 1");
  Open();
  const absl::StatusOr<std::vector<StoredJob>> jobs = journal_->Jobs();
  ASSERT_TRUE(jobs.ok() && jobs->size() == 2u) << jobs.status();
  for (const StoredJob& job : *jobs) {
    EXPECT_FALSE(job.name_is_lost);
    EXPECT_EQ(job.journal->damage().code(), absl::StatusCode::kDataLoss);
  }
  ASSERT_NE(Job("a"), nullptr);
  EXPECT_EQ(Job("a")->head_revision(), 11);
  EXPECT_TRUE(journal_->DeleteJob("a").ok());
  ASSERT_NE(Job("b"), nullptr);
  EXPECT_EQ(Job("b")->head_revision(), 1);
  EXPECT_TRUE(journal_->DeleteJob("b").ok());
  EXPECT_TRUE(journal_->damage().ok());
}

TEST_F(LineDamageTest, AJobWhoseNameIsLostGetsAnotherThatNobodyElseCanTake) {
  Create("a");
  Create("lost-1");
  Close();
  Sql("UPDATE jobs SET job_id = 'c', snapshot = x'00' WHERE number = 1");
  Open();
  ASSERT_NE(Job("lost-1-2"), nullptr);
  EXPECT_FALSE(Job("lost-1-2")->damage().ok());
  EXPECT_TRUE(Job("lost-1")->damage().ok());
  // The table has the name, wrong as it is.
  EXPECT_EQ(journal_->CreateJob("c", {}, {}).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(journal_->health().ok());
  EXPECT_TRUE(journal_->DeleteJob("lost-1-2").ok());
  Open();
  Create("c");
  EXPECT_TRUE(CheckStore(path_)->whole());
}

}  // namespace
}  // namespace descent::daemon
