// Tests what the store does when its file is damaged, locked, taken away or of an earlier version.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "server/common/log.h"
#include "server/common/mutex.h"
#include "server/daemon/journal/check.h"
#include "server/daemon/journal/watch_cursor.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

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

PendingEvent MakeAccepted(const std::string& request_id) {
  v1::Event event;
  event.mutable_command_accepted()->set_request_id(request_id);
  return ToPending(event);
}

PendingEvent MakeApplied(const std::string& request_id, int64_t iteration) {
  v1::Event event;
  event.mutable_command_applied()->set_request_id(request_id);
  event.mutable_command_applied()->set_iteration(iteration);
  return ToPending(event);
}

PendingEvent MakeEvaluation(int64_t iteration, int32_t branch = 0) {
  v1::Event event;
  event.set_branch(branch);
  event.mutable_evaluation()->set_iteration(iteration);
  event.mutable_evaluation()->set_dataset("test");
  return ToPending(event);
}

class DamageTest : public ::testing::Test {
 protected:
  DamageTest() {
    server::SetLogSink([this](const std::string& line) {
      server::MutexLock lock(mutex_);
      log_ += line;
      logged_.SignalAll();
    });
    Open();
  }
  ~DamageTest() override {
    journal_.reset();
    server::SetLogSink({});
  }

  void Open() {
    journal_.reset();
    absl::StatusOr<std::unique_ptr<Journal>> journal = Journal::Open({.path = path_});
    ASSERT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
  }
  void Close() { journal_.reset(); }

  std::shared_ptr<JobJournal> Create(const std::string& id) {
    std::vector<PendingEvent> events;
    events.push_back(MakeCreated());
    v1::Job snapshot;
    snapshot.set_name("jobs/" + id);
    snapshot.set_head_revision(1);
    return *journal_->CreateJob(id, std::move(events), snapshot);
  }
  // Makes a job of 1 + 40 × 12 revisions: its creation, and 40 rows of 10 iterations, after each a
  // command's two events.
  std::shared_ptr<JobJournal> CreateLong(const std::string& id) {
    std::shared_ptr<JobJournal> job = Create(id);
    for (int64_t i = 0; i < 40; ++i) {
      EXPECT_TRUE(AppendAndWait(*job, MakeIterations(10 * i, 10)).ok());
      const std::string request = "r" + std::to_string(i);
      std::vector<PendingEvent> events;
      events.push_back(MakeAccepted(request));
      events.push_back(MakeApplied(request, 10 * i + 9));
      v1::Job snapshot;
      snapshot.set_head_revision(1 + 12 * (i + 1));
      EXPECT_TRUE(AppendAndWait(*job, std::move(events), snapshot).ok());
    }
    return job;
  }
  std::shared_ptr<JobJournal> Job(const std::string& id) {
    const absl::StatusOr<std::vector<StoredJob>> jobs = journal_->Jobs();
    for (const StoredJob& job : *jobs) {
      if (job.journal->job_id() == id) return job.journal;
    }
    return nullptr;
  }

  void Sql(const std::string& sql) { Sql(sql, path_); }
  void Sql(const std::string& sql, const std::string& path) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10'000);  // the journal may be open
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(db);
  }

  // Fails unless job a is out of service at this revision, in every way, and job b is not.
  void ExpectOnlyADamaged(const std::string& revision,
                          const std::vector<v1::EventKind>& kinds = {}) {
    const std::shared_ptr<JobJournal> a = Job("a");
    absl::Status read;
    for (int64_t cursor = 0; read.ok() && cursor < a->head_revision();) {
      const auto rows = a->Read(cursor, 1 << 20, kinds);
      read = rows.status();
      if (rows.ok() && rows->empty()) break;
      if (rows.ok()) cursor = rows->back()->last_revision;
    }
    EXPECT_EQ(read.code(), absl::StatusCode::kDataLoss) << read;
    EXPECT_THAT(std::string(read.message()), AllOf(HasSubstr("jobs/a"), HasSubstr(revision)));
    EXPECT_EQ(a->damage(), read);
    EXPECT_EQ(a->FindRequest("r1").status(), read);
    EXPECT_EQ(AppendAndWait(*a, {MakeNotice("x")}).status(), read);
    EXPECT_FALSE(a->Tail(0, 1000).has_value());
    EXPECT_THAT(std::string(journal_->damage().message()), HasSubstr("jobs/a"));
    EXPECT_EQ(journal_->statistics().damaged_jobs, 1);

    EXPECT_TRUE(journal_->health().ok());
    const std::shared_ptr<JobJournal> b = Job("b");
    EXPECT_TRUE(b->damage().ok());
    EXPECT_TRUE(AppendAndWait(*b, {MakeNotice("goes on")}).ok());
    EXPECT_EQ(ReadAll(*b).size(), static_cast<size_t>(b->head_revision()));

    const absl::StatusOr<StoreReport> report = CheckStore(path_);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_FALSE(report->whole());
    ASSERT_EQ(report->jobs.size(), 2u);
    EXPECT_THAT(report->jobs[0].damage, HasSubstr(revision));
    EXPECT_EQ(report->jobs[1].damage, "");

    // The way out that is always there.
    EXPECT_TRUE(journal_->DeleteJob("a").ok());
    EXPECT_TRUE(journal_->damage().ok());
  }

  TestFolder folder_;
  const std::string path_ = folder_.File("descent.db");
  server::Mutex mutex_;
  server::CondVar logged_;
  std::string log_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Journal> journal_;
};

TEST_F(DamageTest, AWholeStoreIsWhole) {
  CreateLong("a");
  CreateLong("b");
  Open();
  EXPECT_EQ(ReadAll(*Job("a")).size(), 481u);
  const absl::StatusOr<StoreReport> report = CheckStore(path_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->whole());
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ(report->jobs[0].head_revision, 481);
}

TEST_F(DamageTest, ClosedAllOfItIsInTheDatabaseItself) {
  std::shared_ptr<JobJournal> a = CreateLong("a");
  EXPECT_EQ(ReadAll(*a).size(), 481u);
  a.reset();
  Close();
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));
  // A copy of this one file is a whole store.
  std::filesystem::copy(path_, path_ + ".copy");
  EXPECT_EQ(CheckStore(path_ + ".copy")->jobs[0].head_revision, 481);
}

TEST_F(DamageTest, ARowOfIterationsThatIsMissingIsNoticed) {
  CreateLong("a");
  CreateLong("b");
  Close();
  Sql("DELETE FROM rows WHERE id = (1 << 40) + 26");
  Open();
  ExpectOnlyADamaged("26");
}

TEST_F(DamageTest, AMissingCommandIsNoticedAmongCommandsAlone) {
  CreateLong("a");
  CreateLong("b");
  Close();
  Sql("DELETE FROM rows WHERE id = (1 << 40) + 24");
  Open();
  ExpectOnlyADamaged("24", {v1::COMMAND_ACCEPTED, v1::COMMAND_APPLIED});
}

TEST_F(DamageTest, ALostBeginningIsNoticedAtOnce) {
  CreateLong("a");
  CreateLong("b");
  Close();
  Sql("DELETE FROM rows WHERE id = (1 << 40) + 1");
  Open();
  EXPECT_FALSE(Job("a")->damage().ok());
  ExpectOnlyADamaged("revision 1 is missing");
}

TEST_F(DamageTest, ALostEndIsNoticedAtOnce) {
  CreateLong("a");
  CreateLong("b");
  Close();
  Sql("DELETE FROM rows WHERE id BETWEEN (1 << 40) + 470 AND (1 << 40) + 481");
  Open();
  EXPECT_FALSE(Job("a")->damage().ok());
  ExpectOnlyADamaged("470");
}

TEST_F(DamageTest, ALostEndIsNoticedThoughNothingCameAfterIt) {
  const std::shared_ptr<JobJournal> a = CreateLong("a");
  ASSERT_TRUE(AppendAndWait(*a, MakeIterations(400, 10)).ok());
  ASSERT_TRUE(AppendAndWait(*a, MakeIterations(420, 10)).ok());
  CreateLong("b");
  Close();
  Sql("DELETE FROM rows WHERE id = (1 << 40) + 492");
  Open();
  EXPECT_FALSE(Job("a")->damage().ok());
  ExpectOnlyADamaged("492");
}

// As ALostEnd..., but the daemon was killed: the end is that of a second before.
TEST_F(DamageTest, SoItIsAfterAKill) {
  TestClock clock;
  journal_.reset();
  journal_ = *Journal::Open({.path = path_, .clock = &clock});
  const std::shared_ptr<JobJournal> a = Create("a");
  ASSERT_TRUE(AppendAndWait(*a, MakeIterations(0, 10)).ok());
  clock.Advance(1'000'000'000);
  ASSERT_TRUE(AppendAndWait(*a, MakeIterations(20, 10)).ok());
  const std::string copy = folder_.File("copy.db");
  std::filesystem::copy(path_, copy);
  std::filesystem::copy(path_ + "-wal", copy + "-wal");
  EXPECT_TRUE(CheckStore(copy)->whole());
  Sql("DELETE FROM rows WHERE id >= (1 << 40) + 2", copy);
  EXPECT_THAT(CheckStore(copy)->jobs[0].damage, HasSubstr("revisions 2 to 11 are missing"));
}

TEST_F(DamageTest, ADamagedNoteOfTheEndIsNoDamage) {
  CreateLong("a");
  Close();
  Sql("UPDATE heads SET revision = 1000");
  Open();
  EXPECT_TRUE(Job("a")->damage().ok());
  EXPECT_EQ(ReadAll(*Job("a")).size(), 481u);
}

TEST_F(DamageTest, AnotherNumberInARollUpIsNoticed) {
  std::shared_ptr<JobJournal> a = Create("a");
  for (int64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(AppendAndWait(*a, MakeIterations(1000 * i, 1000)).ok());
  }
  a->Retain(1 << 19);
  while (a->compacted_revision() == 0) {
    ASSERT_TRUE(AppendAndWait(*a, {MakeNotice("waiting")}).ok());
  }
  a.reset();
  Close();
  EXPECT_TRUE(CheckStore(path_)->whole());
  Sql("UPDATE rollups SET value_max = value_max + 1 WHERE bucket = 2");
  EXPECT_THAT(CheckStore(path_)->jobs[0].damage,
              HasSubstr("the roll-up of iterations 2048 to 3071 is not what was written"));
}

// Version 2 stored roll-ups without checksums.
TEST_F(DamageTest, RollUpsOfVersion2GetTheirChecksums) {
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

TEST_F(DamageTest, OtherBytesInARowAreNoticed) {
  CreateLong("a");
  CreateLong("b");
  Close();
  Sql("UPDATE rows SET entries = randomblob(length(entries)) WHERE id = (1 << 40) + 38");
  Open();
  ExpectOnlyADamaged("38");
}

TEST_F(DamageTest, SoIsAnotherNumberBesideThem) {
  CreateLong("a");
  CreateLong("b");
  Close();
  Sql("UPDATE rows SET first_iteration = first_iteration + 1 WHERE id = (1 << 40) + 38");
  Open();
  ExpectOnlyADamaged("38");
}

TEST_F(DamageTest, RandomBytesOverPagesOfOneJobLeaveTheOther) {
  std::shared_ptr<JobJournal> a = Create("a");
  ASSERT_TRUE(AppendAndWait(*a, MakeIterations(0, 20'000)).ok());
  CreateLong("b");
  a.reset();
  Close();
  // The middle of the file: job a's batches are most of it.
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path_));
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(size / 2 / 4096 * 4096);
  std::mt19937 random(3);
  for (int i = 0; i < 3 * 4096; ++i) file.put(static_cast<char>(random()));
  file.close();
  Open();
  ExpectOnlyADamaged("");
}

TEST_F(DamageTest, ADamagedSnapshotIsNoDamageToTheJournal) {
  CreateLong("a");
  Close();
  Sql("UPDATE jobs SET snapshot = randomblob(40)");
  Open();
  const absl::StatusOr<std::vector<StoredJob>> jobs = journal_->Jobs();
  EXPECT_EQ((*jobs)[0].snapshot.head_revision(), 0);
  EXPECT_TRUE((*jobs)[0].journal->damage().ok());
}

// ------------------------------------------------------------------------- The line of a job

TEST_F(DamageTest, AJobThatLostItsLineIsOutOfServiceAndWasNotDeleted) {
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

TEST_F(DamageTest, ALineThatIsTakenWhileItIsServedIsNoticedByTheNextWrite) {
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
TEST_F(DamageTest, SoItIsByIterationsAlone) {
  const std::shared_ptr<JobJournal> a = Create("a");
  Sql("DELETE FROM jobs");
  AppendAndWait(*a, MakeIterations(0, 10)).IgnoreError();
  Close();
  EXPECT_THAT(std::string(a->damage().message()), HasSubstr("taken out of the table `jobs`"));
}

TEST_F(DamageTest, RowsOfANumberThatNoJobCanHaveAreToldWithTheirRemedy) {
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

TEST_F(DamageTest, SoIsOneWithoutRows) {
  Create("a");
  Close();
  Sql("DELETE FROM jobs; DELETE FROM rows");
  EXPECT_EQ(CheckStore(path_)->jobs.at(0).job_id, "lost-1");
}

TEST_F(DamageTest, ADeletedJobWhoseRowsRemainIsNotLost) {
  std::shared_ptr<JobJournal> a = Create("a");
  ASSERT_TRUE(AppendAndWait(*a, MakeIterations(0, 50'000)).ok());
  a.reset();
  ASSERT_TRUE(journal_->DeleteJob("a").ok());
  Close();
  EXPECT_TRUE(CheckStore(path_)->whole());
  Open();
  EXPECT_THAT(*journal_->Jobs(), IsEmpty());
}

class LineTest : public DamageTest, public ::testing::WithParamInterface<const char*> {};

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

TEST_F(DamageTest, AnotherNumberPartsAJobFromItsRows) {
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

TEST_F(DamageTest, JobsWhoseNamesWereExchangedKeepThoseThatTheirSnapshotsProve) {
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

TEST_F(DamageTest, AJobWhoseNameIsLostGetsAnotherThatNobodyElseCanTake) {
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

TEST_F(DamageTest, TheLineOfAStoreOfVersion3IsProtectedFromNowOn) {
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

// Nothing follows this link, nor is a revision missing: there are iterations after it, and those
// before them have been thinned.
TEST_F(DamageTest, ALostCommandBehindThinnedIterationsIsNoticed) {
  std::shared_ptr<JobJournal> a = Create("a");
  ASSERT_TRUE(AppendAndWait(*a, {MakeNotice("the last of its kind")}).ok());
  a->Retain(1 << 17);
  for (int64_t i = 0; a->compacted_revision() == 0; ++i) {
    ASSERT_TRUE(AppendAndWait(*a, MakeIterations(1000 * i, 1000)).ok());
    a->Retain(1 << 17);
  }
  a.reset();
  Close();
  EXPECT_TRUE(CheckStore(path_)->whole());
  Sql("DELETE FROM rows WHERE id = (1 << 40) + 2");
  EXPECT_THAT(CheckStore(path_)->jobs[0].damage, HasSubstr("revision 2 is missing"));
}

TEST_F(DamageTest, ALostRollUpIsNoticed) {
  std::shared_ptr<JobJournal> a = Create("a");
  a->Retain(1 << 17);
  for (int64_t i = 0; a->compacted_revision() < 5000; ++i) {
    ASSERT_TRUE(AppendAndWait(*a, MakeIterations(1000 * i, 1000)).ok());
    a->Retain(1 << 17);
  }
  a.reset();
  Close();
  EXPECT_TRUE(CheckStore(path_)->whole());
  Sql("DELETE FROM rollups WHERE bucket = 2");
  EXPECT_THAT(CheckStore(path_)->jobs[0].damage, HasSubstr("roll-ups tell of"));
}

// ----------------------------------------------------------------------- Notes, tables, indexes

TEST_F(DamageTest, NotesThatNobodyWroteRemoveNothing) {
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

TEST_F(DamageTest, TheNumberOfTheLastJobIsMadeAnew) {
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

TEST_F(DamageTest, AnIndexThatIsMissingIsMadeAnew) {
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

TEST_F(DamageTest, AnotherIndexOfItsNameIsMadeAnewToo) {
  CreateLong("a");
  Close();
  Sql("DROP INDEX rows_of_requests; CREATE INDEX rows_of_requests ON rows (request_id)");
  EXPECT_FALSE(CheckStore(path_)->whole());
  Open();
  EXPECT_TRUE(CheckStore(path_)->whole());
}

TEST_F(DamageTest, ATriggerIsSaid) {
  Create("a");
  Close();
  Sql("CREATE TRIGGER sly AFTER INSERT ON rows BEGIN DELETE FROM rows WHERE id = new.id; END");
  EXPECT_THAT(CheckStore(path_)->problems, ElementsAre(HasSubstr("the trigger `sly`")));
}

class SchemaTest : public DamageTest,
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

TEST_F(DamageTest, AVersionToComeIsSaidAlikeByDaemonAndCheck) {
  Close();
  Sql("PRAGMA user_version = 77");
  const absl::Status checked = CheckStore(path_).status();
  EXPECT_THAT(std::string(checked.message()),
              AllOf(HasSubstr("version 77"), HasSubstr("made by a newer Descent")));
  EXPECT_THAT(std::string(Journal::Open({.path = path_}).status().message()),
              HasSubstr(std::string(checked.message())));
}

TEST_F(DamageTest, ACopyThatCannotBeWrittenIsChecked) {
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
TEST_F(DamageTest, WhatIsNoFileIsSaidAlikeByDaemonAndCheck) {
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

TEST_F(DamageTest, WhoeverIsToKnowIsToldOnceAndSubscribersAreWoken) {
  CreateLong("a");
  Close();
  Sql("DELETE FROM rows WHERE id = (1 << 40) + 26");
  Open();
  const std::shared_ptr<JobJournal> a = Job("a");
  std::atomic<int> told = 0;
  a->OnDamage([&](const absl::Status&) { ++told; });
  std::promise<void> woken;
  std::atomic<bool> was_woken = false;
  const auto subscription = a->Subscribe([&] {
    if (!was_woken.exchange(true)) woken.set_value();
  });
  EXPECT_FALSE(a->Read(13, 1 << 20, {}).ok());
  EXPECT_FALSE(a->Read(13, 1 << 20, {}).ok());
  woken.get_future().wait();
  EXPECT_EQ(told, 1);
}

TEST_F(DamageTest, AnotherProgramsLockIsWaitedForAndSaid) {
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

TEST_F(DamageTest, TheEndDoesNotWaitForAnotherProgramsLock) {
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

class TakenAwayTest : public DamageTest, public ::testing::WithParamInterface<const char*> {};

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

TEST_F(DamageTest, TheFileShrinksAfterADeletion) {
  for (int i = 0; i < 10; ++i) {
    std::shared_ptr<JobJournal> job = Create("big" + std::to_string(i));
    ASSERT_TRUE(AppendAndWait(*job, MakeIterations(0, 20'000)).ok());
  }
  const std::shared_ptr<JobJournal> job = Create("small");
  Open();  // what the log has is in the file
  const std::shared_ptr<JobJournal> small = Job("small");
  const auto size = [&] { return static_cast<int64_t>(std::filesystem::file_size(path_)); };
  ASSERT_GT(size(), 6'000'000);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(journal_->DeleteJob("big" + std::to_string(i)).ok());
  // It goes on between commits.
  for (int i = 0; i < 1000 && size() > 2'500'000; ++i) {
    ASSERT_TRUE(AppendAndWait(*small, {MakeNotice("waiting")}).ok());
  }
  EXPECT_LE(size(), 2'500'000);
  EXPECT_TRUE(CheckStore(path_)->whole());
}

TEST_F(DamageTest, FoldersOfDeletedJobsAreKnownUntilTheyAreForgotten) {
  EXPECT_TRUE(journal_->is_new());
  Create("a");
  Create("b");
  EXPECT_FALSE(journal_->is_new());
  EXPECT_TRUE(journal_->DeleteJob("a").ok());
  EXPECT_TRUE(journal_->DeleteJob("b").ok());
  Open();
  EXPECT_FALSE(journal_->is_new());
  EXPECT_THAT(*journal_->FoldersToRemove(), ElementsAre("a", "b"));
  journal_->ForgetFolder("b");
  Create("a");  // the folder is this one's now
  Open();
  EXPECT_THAT(*journal_->FoldersToRemove(), IsEmpty());
}

TEST_F(DamageTest, RequestsAndEvaluationsAreFoundByIndex) {
  const std::shared_ptr<JobJournal> a = CreateLong("a");
  CreateLong("b");
  const auto rows = a->FindRequest("r7");
  ASSERT_TRUE(rows.ok()) << rows.status();
  const std::vector<v1::Event> events = EventsOf(*rows);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].command_accepted().request_id(), "r7");
  EXPECT_EQ(events[1].command_applied().iteration(), 79);
  EXPECT_EQ(events[1].revision(), 97);
  EXPECT_THAT(*a->FindRequest("r40"), IsEmpty());
  std::vector<PendingEvent> more;
  more.push_back(MakeEvaluation(5));
  more.push_back(MakeEvaluation(5, 1));
  more.push_back(MakeEvaluation(6));
  ASSERT_TRUE(AppendAndWait(*a, std::move(more)).ok());
  EXPECT_EQ(EventsOf(*a->FindEvaluations(0, 5)).size(), 1u);
  EXPECT_EQ(EventsOf(*a->FindEvaluations(1, 5))[0].branch(), 1);
  EXPECT_THAT(*a->FindEvaluations(1, 6), IsEmpty());
}

TEST_F(DamageTest, AStoreOfVersion1IsBroughtUpToDateAndProtected) {
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

}  // namespace
}  // namespace descent::daemon
