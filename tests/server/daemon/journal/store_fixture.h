// A store on the disk whose file a test changes behind the journal's back.
#ifndef DESCENT_TESTS_SERVER_DAEMON_JOURNAL_STORE_FIXTURE_H_
#define DESCENT_TESTS_SERVER_DAEMON_JOURNAL_STORE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/common/log.h"
#include "server/common/mutex.h"
#include "server/daemon/journal/check.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {

inline PendingEvent MakeAccepted(const std::string& request_id) {
  v1::Event event;
  event.mutable_command_accepted()->set_request_id(request_id);
  return ToPending(event);
}

inline PendingEvent MakeApplied(const std::string& request_id, int64_t iteration) {
  v1::Event event;
  event.mutable_command_applied()->set_request_id(request_id);
  event.mutable_command_applied()->set_iteration(iteration);
  return ToPending(event);
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    server::SetLogSink([this](const std::string& line) {
      server::MutexLock lock(mutex_);
      log_ += line;
      logged_.SignalAll();
    });
    Open();
  }
  ~StoreTest() override {
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
    EXPECT_THAT(std::string(read.message()),
                ::testing::AllOf(::testing::HasSubstr("jobs/a"), ::testing::HasSubstr(revision)));
    EXPECT_EQ(a->damage(), read);
    EXPECT_EQ(a->FindRequest("r1").status(), read);
    EXPECT_EQ(AppendAndWait(*a, {MakeNotice("x")}).status(), read);
    EXPECT_FALSE(a->Tail(0, 1000).has_value());
    EXPECT_THAT(std::string(journal_->damage().message()), ::testing::HasSubstr("jobs/a"));
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
    EXPECT_THAT(report->jobs[0].damage, ::testing::HasSubstr(revision));
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

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_JOURNAL_STORE_FIXTURE_H_
