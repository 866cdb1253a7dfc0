#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cmath>
#include <limits>

#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

class RetentionTest : public ::testing::Test {
 protected:
  RetentionTest() { Open(); }

  void Open() {
    journal_.reset();
    Journal::Options options;
    options.path = folder_.File("descent.db");
    journal_ = *Journal::Open(options);
    std::vector<PendingEvent> events;
    events.push_back(MakeCreated());
    absl::StatusOr<std::vector<StoredJob>> jobs = journal_->Jobs();
    job_ = jobs->empty() ? *journal_->CreateJob("a", std::move(events), v1::Job())
                         : (*jobs)[0].journal;
  }

  void Append(std::vector<PendingEvent> events, std::optional<v1::Job> snapshot = std::nullopt) {
    ASSERT_TRUE(AppendAndWait(*job_, std::move(events), std::move(snapshot)).ok());
  }

  // The number that a query asks for.
  double Query(const std::string& sql) {
    sqlite3* db = nullptr;
    sqlite3_open(folder_.File("descent.db").c_str(), &db);
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW) << sql;
    const double value = sqlite3_column_type(statement, 0) == SQLITE_NULL
                             ? std::numeric_limits<double>::quiet_NaN()
                             : sqlite3_column_double(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
  }

  double IterationBytes() {
    return Query("SELECT coalesce(sum(length(entries)), 0) FROM rows WHERE kind = 13");
  }

  // Thinning goes on between commits.
  void RetainAndWait(int64_t max_bytes) {
    job_->Retain(max_bytes);
    for (int i = 0; i < 1000 && IterationBytes() > static_cast<double>(max_bytes); ++i) {
      Append({MakeNotice("waiting")});
    }
    ASSERT_LE(IterationBytes(), static_cast<double>(max_bytes));
  }

  TestFolder folder_;
  std::unique_ptr<Journal> journal_;
  std::shared_ptr<JobJournal> job_;
};

TEST_F(RetentionTest, OldIterationsGoIntoRollupsAndOtherEventsStay) {
  for (int64_t i = 0; i < 40; ++i) {
    Append(MakeIterations(i * 1000, 1000));
    Append({MakeNotice("stays")});
  }
  RetainAndWait(1'000'000);
  const int64_t compacted = job_->compacted_revision();
  ASSERT_GT(compacted, 0);
  EXPECT_EQ(job_->Read(compacted - 1, 1000, {}).status().code(), absl::StatusCode::kOutOfRange);
  const std::vector<v1::Event> left = ReadAll(*job_, compacted);
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left.front().revision(), compacted + 1);
  EXPECT_EQ(left.back().revision(), job_->head_revision());
  EXPECT_EQ(left.size(), static_cast<size_t>(job_->head_revision() - compacted));
  size_t stayed = 0;
  for (const v1::Event& event : ReadAll(*job_, 0, 1 << 20, {v1::CREATED, v1::NOTICE})) {
    stayed += event.notice().message() == "stays";
  }
  EXPECT_EQ(stayed, 40u);

  // Iterations 0.. up to the last thinned one are all in the roll-ups.
  const double thinned = Query("SELECT sum(count) FROM rollups");
  EXPECT_EQ(thinned, Query("SELECT max(last_iteration) + 1 FROM rollups"));
  EXPECT_EQ(thinned + Query("SELECT sum(last_iteration - first_iteration + 1) FROM rows "
                            "WHERE kind = 13"),
            40'000);
  EXPECT_EQ(Query("SELECT max(last_revision) FROM rollups"), static_cast<double>(compacted));
  EXPECT_EQ(Query("SELECT value_max FROM rollups WHERE bucket = 0"), 1);
  EXPECT_EQ(Query("SELECT value_min FROM rollups WHERE bucket = 1"), 1.0 / 2048);
  EXPECT_EQ(Query("SELECT value_last FROM rollups WHERE bucket = 1"), 1.0 / 2048);
  double sum = 0;
  for (int i = 1024; i < 2048; ++i) sum += 1.0 / (i + 1);
  EXPECT_NEAR(Query("SELECT value_mean FROM rollups WHERE bucket = 1"), sum / 1024, 1e-12);
  EXPECT_EQ(Query("SELECT step_size_count FROM rollups WHERE bucket = 0"), 1023);  // 0 has none
  EXPECT_EQ(Query("SELECT count(*) FROM rollups WHERE count > 1024"), 0);

  Open();
  EXPECT_EQ(job_->compacted_revision(), compacted);
}

TEST_F(RetentionTest, TheNewestRowStaysSoThatTheHeadIsKnown) {
  Append(MakeIterations(0, 10));
  Append(MakeIterations(10, 10));
  job_->Retain(0);
  for (int i = 0; i < 100 && job_->compacted_revision() == 0; ++i) {
    Append(MakeIterations(20 + i, 1));
  }
  const int64_t head = job_->head_revision();
  EXPECT_LT(job_->compacted_revision(), head);
  Open();
  EXPECT_EQ(job_->head_revision(), head);
}

TEST_F(RetentionTest, ValuesThatAreNoNumbersDoNotSpoilTheRest) {
  std::vector<PendingEvent> events;
  const double values[] = {3, std::numeric_limits<double>::quiet_NaN(), 1,
                           std::numeric_limits<double>::infinity()};
  for (int i = 0; i < 4; ++i) {
    v1::Event event;
    event.mutable_iteration()->set_index(i);
    event.mutable_iteration()->set_value(values[i]);
    event.mutable_iteration()->set_gradient_norm(std::numeric_limits<double>::quiet_NaN());
    events.push_back(ToPending(event));
  }
  Append(std::move(events));
  Append(MakeIterations(4, 1));
  Append({MakeNotice("the newest")});
  RetainAndWait(0);
  EXPECT_EQ(Query("SELECT value_min FROM rollups"), 0.2);
  EXPECT_EQ(Query("SELECT value_max FROM rollups"), 3);
  EXPECT_EQ(Query("SELECT value_count FROM rollups"), 3);
  EXPECT_EQ(Query("SELECT gradient_norm_count FROM rollups"), 1);
}

TEST_F(RetentionTest, BytesAreCountedRightAfterARestart) {
  for (int64_t i = 0; i < 10; ++i) {
    Append(MakeIterations(i * 1000, 1000), i == 4 ? std::optional(v1::Job()) : std::nullopt);
  }
  const double bytes = IterationBytes();
  Open();
  Append(MakeIterations(10'000, 1000));
  RetainAndWait(static_cast<int64_t>(bytes / 2));
  EXPECT_GT(IterationBytes(), bytes / 3);  // not more than asked, in rows of 64 KiB
  EXPECT_LE(IterationBytes(), bytes / 2);
}

}  // namespace
}  // namespace descent::daemon
