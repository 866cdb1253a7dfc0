// Tests what the journal does when rows, roll-ups or notes of its store are damaged or missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "server/daemon/journal/check.h"
#include "tests/server/daemon/journal/journal_testing.h"
#include "tests/server/daemon/journal/store_fixture.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

using DamageTest = StoreTest;

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

}  // namespace
}  // namespace descent::daemon
