#include "server/daemon/journal/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <mutex>
#include <thread>

#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() { Open(); }

  void Open() {
    journal_.reset();
    Journal::Options options;
    options.path = folder_.File("descent.db");
    options.clock = &clock_;
    absl::StatusOr<std::unique_ptr<Journal>> journal = Journal::Open(options);
    ASSERT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
  }

  std::shared_ptr<JobJournal> CreateJob(const std::string& id) {
    std::vector<PendingEvent> events;
    events.push_back(MakeCreated());
    v1::Job snapshot;
    snapshot.set_name("jobs/" + id);
    snapshot.set_head_revision(1);
    absl::StatusOr<std::shared_ptr<JobJournal>> job =
        journal_->CreateJob(id, std::move(events), snapshot);
    EXPECT_TRUE(job.ok()) << job.status();
    return *std::move(job);
  }

  std::shared_ptr<JobJournal> Reopen(const std::string& id) {
    Open();
    absl::StatusOr<std::vector<StoredJob>> jobs = journal_->Jobs();
    for (const StoredJob& job : *jobs) {
      if (job.journal->job_id() == id) return job.journal;
    }
    return nullptr;
  }

  TestFolder folder_;
  TestClock clock_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, RevisionsAreContiguousFromOneInOrderOfAppends) {
  auto job = CreateJob("a");
  EXPECT_EQ(job->head_revision(), 1);
  EXPECT_EQ(job->Append(MakeIterations(0, 3), std::nullopt, {}), 2);
  EXPECT_EQ(job->Append(MakeIterations(3, 2), std::nullopt, {}), 5);
  std::vector<PendingEvent> notice;
  notice.push_back(MakeNotice("hello"));
  auto appended = AppendAndWait(*job, std::move(notice));
  ASSERT_TRUE(appended.ok());
  EXPECT_EQ(job->head_revision(), 7);
  const std::vector<v1::Event> events = ReadAll(*job);
  ASSERT_EQ(events.size(), 7u);
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].revision(), static_cast<int64_t>(i) + 1);
  }
  EXPECT_EQ(events[0].created().display_name(), "test");
  EXPECT_EQ(events[5].iteration().index(), 4);
  EXPECT_EQ(events[6].notice().message(), "hello");
}

TEST_F(JournalTest, AppendedHasThisAppendsEventsAndNoOthers) {
  auto job = CreateJob("a");
  for (int i = 0; i < 50; ++i) {
    job->Append(MakeIterations(i * 3, 3), std::nullopt,
                [i](const absl::StatusOr<JobJournal::Appended>& a) {
                  const std::vector<v1::Event> events = EventsOf(a->rows);
                  ASSERT_EQ(events.size(), 3u);
                  EXPECT_EQ(events[0].revision(), 2 + i * 3);
                });
  }
  ASSERT_TRUE(AppendAndWait(*job, MakeIterations(150, 1)).ok());
}

TEST_F(JournalTest, ReopenedHasEverything) {
  auto job = CreateJob("a");
  CreateJob("b");
  v1::Job snapshot;
  snapshot.set_name("jobs/a");
  snapshot.set_head_revision(2001);
  ASSERT_TRUE(AppendAndWait(*job, MakeIterations(0, 2000), snapshot).ok());
  const std::vector<v1::Event> before = ReadAll(*job);
  job = Reopen("a");
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->head_revision(), 2001);
  const std::vector<v1::Event> after = ReadAll(*job);
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    ASSERT_EQ(after[i].SerializeAsString(), before[i].SerializeAsString());
  }
  absl::StatusOr<std::vector<StoredJob>> jobs = journal_->Jobs();
  ASSERT_EQ(jobs->size(), 2u);
  EXPECT_EQ((*jobs)[0].snapshot.head_revision(), 2001);
  EXPECT_EQ((*jobs)[1].snapshot.name(), "jobs/b");
  EXPECT_EQ(job->ReadSnapshot()->SerializeAsString(), (*jobs)[0].snapshot.SerializeAsString());
  EXPECT_EQ(job->Append(MakeIterations(2000, 1), std::nullopt, {}), 2002);
}

TEST_F(JournalTest, JobsAreReadOneByOneAndMayReadTheStoreMeanwhile) {
  for (const char* id : {"a", "b", "c"}) CreateJob(id);
  std::vector<std::string> ids;
  const auto read = [&](const StoredJob& job) -> absl::Status {
    EXPECT_EQ(ReadAll(*job.journal).size(), 1u);
    ids.push_back(job.journal->job_id());
    return ids.size() == 2 ? absl::CancelledError("enough") : absl::OkStatus();
  };
  EXPECT_EQ(journal_->ReadJobs(read).message(), "enough");
  EXPECT_THAT(ids, testing::ElementsAre("a", "b"));
  auto deleted = CreateJob("d");
  ASSERT_TRUE(journal_->DeleteJob("d").ok());
  EXPECT_EQ(deleted->ReadSnapshot().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(JournalTest, JobIdIsTakenOnceAndFreeAfterDeletion) {
  auto first = CreateJob("a");
  ASSERT_TRUE(AppendAndWait(*first, MakeIterations(0, 5000)).ok());
  std::vector<PendingEvent> events;
  events.push_back(MakeCreated());
  EXPECT_EQ(journal_->CreateJob("a", events, v1::Job()).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(journal_->DeleteJob("nobody").code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(journal_->DeleteJob("a").ok());
  EXPECT_EQ(journal_->DeleteJob("a").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(AppendAndWait(*first, MakeIterations(5000, 1)).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(first->Read(0, 100, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(first->Tail(0, 100).has_value());
  auto second = CreateJob("a");
  EXPECT_EQ(second->head_revision(), 1);
  EXPECT_EQ(ReadAll(*second).size(), 1u);
  second = Reopen("a");
  EXPECT_EQ(ReadAll(*second).size(), 1u);
}

TEST_F(JournalTest, DoneThenSubscribersInOrderAfterTheHeadHasMoved) {
  auto job = CreateJob("a");
  std::mutex mutex;
  std::vector<std::string> log;
  auto subscription = job->Subscribe([&] {
    std::lock_guard lock(mutex);
    log.push_back("news");
  });
  std::promise<void> last;
  for (int i = 0; i < 100; ++i) {
    job->Append(MakeIterations(i, 1), std::nullopt,
                [&, i](const absl::StatusOr<JobJournal::Appended>& a) {
                  EXPECT_GE(job->head_revision(), 2 + i);
                  EXPECT_FALSE(job->Tail(1 + i, 1)->empty());
                  std::lock_guard lock(mutex);
                  log.push_back(std::to_string(i));
                  if (i == 99) last.set_value();
                });
  }
  last.get_future().wait();
  subscription.reset();
  int next = 0;
  bool told = true;
  for (const std::string& line : log) {
    if (line == "news") {
      told = true;
    } else {
      EXPECT_EQ(line, std::to_string(next++));
    }
  }
  EXPECT_EQ(next, 100);
  EXPECT_TRUE(told);
}

TEST_F(JournalTest, AfterItsSubscriptionHasEndedACallbackDoesNotRun) {
  auto job = CreateJob("a");
  std::atomic<bool> stop{false};
  std::thread appender([&] {
    for (int64_t i = 0; !stop; ++i) AppendAndWait(*job, MakeIterations(i, 1)).IgnoreError();
  });
  for (int i = 0; i < 300; ++i) {
    auto alive = std::make_unique<std::atomic<int>>(0);  // freed right after: asan would tell
    std::atomic<int>* counter = alive.get();
    auto subscription = job->Subscribe([counter] { ++*counter; });
    if (i % 3 == 0) {
      while (*counter == 0) std::this_thread::yield();
    }
    subscription.reset();
  }
  stop = true;
  appender.join();
}

TEST_F(JournalTest, AppendsOfManyThreadsToManyJobsAllArrive) {
  constexpr int kJobs = 4, kAppends = 200;
  std::vector<std::shared_ptr<JobJournal>> jobs;
  for (int j = 0; j < kJobs; ++j) jobs.push_back(CreateJob("job" + std::to_string(j)));
  std::vector<std::thread> threads;
  for (int t = 0; t < 2 * kJobs; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kAppends; ++i) {
        std::vector<PendingEvent> events;
        events.push_back(MakeNotice(std::to_string(t) + ":" + std::to_string(i)));
        jobs[t % kJobs]->Append(std::move(events), std::nullopt, {});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int j = 0; j < kJobs; ++j) {
    auto job = Reopen("job" + std::to_string(j));  // the close commits what is queued
    const std::vector<v1::Event> events = ReadAll(*job);
    ASSERT_EQ(events.size(), 1u + 2 * kAppends);
    std::map<std::string, int> next;
    for (size_t i = 1; i < events.size(); ++i) {
      EXPECT_EQ(events[i].revision(), static_cast<int64_t>(i) + 1);
      const std::string& message = events[i].notice().message();
      const size_t colon = message.find(':');
      EXPECT_EQ(message.substr(colon + 1), std::to_string(next[message.substr(0, colon)]++));
    }
  }
}

TEST_F(JournalTest, FindIterationGivesTheRowOnTheRightBranch) {
  auto job = CreateJob("a");
  ASSERT_TRUE(AppendAndWait(*job, MakeIterations(0, 3000)).ok());
  for (int i = 0; i < 20; ++i) {
    std::vector<PendingEvent> notice;
    notice.push_back(MakeNotice("between"));
    ASSERT_TRUE(AppendAndWait(*job, std::move(notice)).ok());
    ASSERT_TRUE(AppendAndWait(*job, MakeIterations(3000 + i, 1)).ok());
  }
  ASSERT_TRUE(AppendAndWait(*job, MakeIterations(1001, 500, /*branch=*/1)).ok());
  const auto find = [&](int32_t branch, int64_t iteration) -> double {
    absl::StatusOr<RowPtr> row = job->FindIteration(branch, iteration);
    if (!row.ok()) return -1;
    EXPECT_EQ((*row)->branch, branch);
    for (const Entry& entry : Entries(**row)) {
      if (entry.iteration == iteration) {
        v1::Event event;
        event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()));
        EXPECT_EQ(event.iteration().index(), iteration);
        EXPECT_EQ(event.revision(), entry.revision);
        return event.iteration().value();
      }
    }
    return -2;
  };
  for (const int64_t i : {0, 1, 999, 1000, 2999, 3000, 3011, 3019}) {
    EXPECT_EQ(find(0, i), 1.0 / static_cast<double>(i + 1)) << i;
  }
  EXPECT_EQ(find(1, 1001), 1.0 / 1002);
  EXPECT_EQ(find(1, 1500), 1.0 / 1501);
  EXPECT_EQ(find(0, 3020), -1);
  EXPECT_EQ(find(1, 1000), -1);
  EXPECT_EQ(find(1, 1501), -1);
  EXPECT_EQ(find(2, 0), -1);
}

TEST_F(JournalTest, FinalRevisionIsThatOfTheLastStateIfFinal) {
  auto job = CreateJob("a");
  std::vector<PendingEvent> events = MakeIterations(0, 5);
  events.push_back(MakeState(v1::RUNNING));
  ASSERT_TRUE(AppendAndWait(*job, events).ok());
  EXPECT_EQ(job->final_revision(), 0);
  events.clear();
  events.push_back(MakeNotice("last"));
  events.push_back(MakeState(v1::SUCCEEDED));
  events.push_back(MakeNotice("after"));
  ASSERT_TRUE(AppendAndWait(*job, events).ok());
  EXPECT_EQ(job->final_revision(), 9);
  EXPECT_EQ(Reopen("a")->final_revision(), 9);
}

TEST_F(JournalTest, TailIsGivenBackWhenNobodyAppendsForLong) {
  auto idle = CreateJob("idle");
  ASSERT_TRUE(AppendAndWait(*idle, MakeIterations(0, 10)).ok());
  EXPECT_TRUE(idle->Tail(0, 1000).has_value());
  clock_.Advance(std::chrono::nanoseconds(std::chrono::minutes(2)).count());
  auto busy = CreateJob("busy");
  ASSERT_TRUE(AppendAndWait(*busy, MakeIterations(0, 1)).ok());
  EXPECT_FALSE(idle->Tail(0, 1000).has_value());
  EXPECT_TRUE(idle->Tail(11, 1000)->empty());  // at the head nothing is missing
  EXPECT_TRUE(busy->Tail(0, 1000).has_value());
  EXPECT_EQ(ReadAll(*idle).size(), 11u);
}

TEST(JournalOpenTest, ErrorsNameTheFile) {
  Journal::Options options;
  options.path = "/nonexistent/folder/descent.db";
  EXPECT_THAT(Journal::Open(options).status().ToString(), HasSubstr(options.path));
  TestFolder folder;
  options.path = folder.File("text.db");
  std::ofstream(options.path) << std::string(5000, 'x');
  EXPECT_THAT(Journal::Open(options).status().ToString(), HasSubstr("not a database"));
}

}  // namespace
}  // namespace descent::daemon
