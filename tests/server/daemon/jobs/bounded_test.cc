// What a job holds in memory is what is unfinished; the rest is asked of the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sqlite3.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>

#include "proto/rpc_status.h"
#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class BoundedTest : public JobsTest {
 protected:
  static constexpr int kCommands = 1500;  // more than a job remembers as applied

  static std::string Id(int i) { return absl::StrCat("r", i); }

  static void EmitEvaluation(FakeWorker& worker, double loss, const std::string& request_id = "",
                             int classes = 100) {
    v1::Event event;
    v1::Evaluated& evaluation = *event.mutable_evaluation();
    evaluation.set_iteration(worker.state().iteration);
    evaluation.set_dataset("test");
    evaluation.set_request_id(request_id);
    v1::Metric& metric = *evaluation.add_metrics();
    metric.set_name("loss");
    metric.set_value(loss);
    v1::Metric& matrix = *evaluation.add_metrics();
    matrix.set_name("confusion_matrix");
    for (int i = 0; i < classes * classes; ++i) matrix.add_values(i);
    worker.Emit(event);
    worker.Flush();
  }
  int Evaluations() {
    return Count("a", [](const v1::Event& event) { return event.has_evaluation(); });
  }
  int Rewinds() {
    return Count("a", [](const v1::Event& event) { return event.has_rewound(); });
  }

  // The number that a query asks for.
  int64_t Query(const std::string& sql) {
    sqlite3* db = nullptr;
    sqlite3_open(folder_.File("descent.db").c_str(), &db);
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr), SQLITE_OK);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
  }
};

TEST_F(BoundedTest, RequestsAreKnownForEverAndScriptedWhole) {
  auto worker = RunJob("a");
  worker->Train(2);
  std::vector<Answer<v1::CommandJobResponse>> answers;
  for (int i = 0; i < kCommands; ++i) answers.push_back(Command(SetOf("a", Id(i), 0.25)));
  ASSERT_TRUE(worker->AwaitCommand(Id(kCommands - 1)));
  worker->Train(5);
  std::vector<int64_t> revisions;
  for (auto& answer : answers) {
    const auto response = answer.Get();
    ASSERT_TRUE(response.ok()) << response.status();
    revisions.push_back(response->event().revision());
  }
  const auto known = [&](int i) {
    EXPECT_EQ(Command(SetOf("a", Id(i), 0.25)).Get()->event().revision(),
              revisions[static_cast<size_t>(i)]);
    EXPECT_EQ(GetErrorDetail(Command(SetOf("a", Id(i), 0.5)).Get().status()).reason,
              "REQUEST_ID_REUSED");
  };
  known(0);
  known(kCommands - 1);
  worker->AwaitAcknowledged();
  Kill(*worker);  // without a checkpoint: all of it is told again

  auto second = ConnectSpare();
  second->Begin();
  ASSERT_THAT(second->start().script(), SizeIs(kCommands));
  for (int i = 0; i < kCommands; ++i) {
    EXPECT_EQ(second->start().script(i).request().request_id(), Id(i));
  }
  second->Train(8);
  ASSERT_TRUE(second->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(8, {{3, 0.25}}));
  Kill(*second);
  StopDaemon();
  StartDaemon();
  known(0);
  auto third = ConnectSpare();
  third->Begin();
  EXPECT_THAT(third->start().script(), SizeIs(kCommands));
  third->Train(9);
  third->Finish();
  ASSERT_TRUE(third->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(9, {{3, 0.25}}));
  for (const int i : {0, 700, kCommands - 1}) EXPECT_EQ(CountApplied("a", Id(i)), 1);
}

// Has a disk that takes nothing: another program has the database locked.
class SlowDiskTest : public BoundedTest {
 protected:
  void Lock() {
    ASSERT_EQ(sqlite3_open(folder_.File("descent.db").c_str(), &other_), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  }
  void Unlock() { sqlite3_close(std::exchange(other_, nullptr)); }

  static void EmitHalfAMiB(FakeWorker& worker) {
    v1::Event event;
    event.mutable_notice()->set_message(std::string(1 << 19, 'x'));
    worker.Emit(event);
    worker.Flush();
  }

  int64_t HeldBack() { return jobs_->statistics(Ann()).held_back; }
  // While a batch is taken in, its worker is held back for a moment; this is for longer.
  bool AwaitHeldBack(const std::atomic<int>& sent) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    int last = -1;
    for (int seen = 0; seen < 100;) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      Settle();
      seen = HeldBack() == 1 && last == sent ? seen + 1 : 0;
      last = sent;
    }
    return true;
  }

 private:
  sqlite3* other_ = nullptr;
};

TEST_F(SlowDiskTest, AWorkerThatOutrunsItIsNotRead) {
  constexpr int kBatches = 60;
  auto worker = RunJob("a");
  worker->Train(2);
  ASSERT_TRUE(worker->AwaitAcknowledged());
  Lock();
  std::atomic<int> sent = 0;
  std::thread sender([&] {
    for (; sent < kBatches; ++sent) EmitHalfAMiB(*worker);
  });
  EXPECT_TRUE(AwaitHeldBack(sent));
  EXPECT_LT(sent, kBatches);
  for (int i = 0; i < 5; ++i) Advance(3);  // a lease ends; that nobody hears it is not its fault
  EXPECT_FALSE(worker->Has(worker::v1::DaemonMessage::kFenced));
  Unlock();
  sender.join();
  EXPECT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(HeldBack(), 0);
  EXPECT_EQ(Count("a", [](const v1::Event& event) { return event.notice().message().size() > 99; }),
            kBatches);
}

TEST_F(SlowDiskTest, ADaemonEndsThoughAWorkerIsHeldBack) {
  auto worker = RunJob("a");
  Lock();
  for (int i = 0; i < 9; ++i) EmitHalfAMiB(*worker);
  EXPECT_TRUE(AwaitHeldBack(9));
  StopDaemon();
  Unlock();
}

TEST_F(BoundedTest, SoManyRequestsMayWaitAndNoMore) {
  auto worker = RunJob("a");
  worker->Train(2);
  const auto later = [](int i) {
    v1::CommandJobRequest request = SetOf("a", Id(i), 0.25);
    request.set_at_iteration(900);
    return request;
  };
  std::vector<Answer<v1::CommandJobResponse>> waiting;
  for (int i = 0; i < 1000; ++i) waiting.push_back(Command(later(i)));
  ASSERT_TRUE(worker->AwaitCommand(Id(999)));
  const absl::Status refused = Command(later(1000)).Get().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetail(refused).reason, "TOO_MANY_OPEN_REQUESTS");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("1000"));
  // What is for now is not held up by what is for later, nor is the end.
  auto now = Command(SetOf("a", "now", 0.5));
  ASSERT_TRUE(worker->AwaitCommand("now"));
  worker->Train(3);
  EXPECT_TRUE(now.Get().ok());
  EXPECT_FALSE(waiting[0].ready());
  worker->Finish();
  for (auto& answer : waiting) {
    EXPECT_EQ(GetErrorDetail(answer.Get().status()).reason, "RUN_ENDED");
  }
}

TEST_F(BoundedTest, TheStoredFoldIsSmall) {
  auto worker = RunJob("a");
  worker->Train(2);
  EmitEvaluation(*worker, 0.5);
  worker->AwaitAcknowledged();
  EXPECT_LT(Query("SELECT length(snapshot) FROM jobs"), 1000);
  v1::Job job = *jobs_->Get(Ann(), "jobs/a");
  ASSERT_THAT(job.last_evaluation().metrics(), SizeIs(2));
  EXPECT_EQ(job.last_evaluation().metrics(0).value(), 0.5);
  EXPECT_EQ(job.last_evaluation().metrics(1).size(), 100);
  StopDaemon();
  StartDaemon();
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->SerializeAsString(), job.SerializeAsString());
}

TEST_F(BoundedTest, ASmallMatrixIsAtHandAgainAfterARestart) {
  auto worker = RunJob("a");
  worker->Train(2);
  EmitEvaluation(*worker, 0.5, "", /*classes=*/10);
  worker->AwaitAcknowledged();
  EXPECT_LT(Query("SELECT length(snapshot) FROM jobs"), 500);
  EXPECT_THAT(jobs_->Get(Ann(), "jobs/a")->last_evaluation().metrics(1).values(), SizeIs(100));
  StopDaemon();
  StartDaemon();
  EXPECT_THAT(jobs_->Get(Ann(), "jobs/a")->last_evaluation().metrics(1).values(), SizeIs(100));
}

TEST_F(BoundedTest, ASmallMatrixOfAFinishedJobIsAtHandAgainAfterARestart) {
  auto worker = RunJob("a");
  worker->Train(2);
  EmitEvaluation(*worker, 0.5, "", /*classes=*/10);
  worker->Finish();
  AwaitState("a", v1::SUCCEEDED);
  const std::string before = jobs_->Get(Ann(), "jobs/a")->SerializeAsString();
  StopDaemon();
  StartDaemon();
  EXPECT_THAT(jobs_->Get(Ann(), "jobs/a")->last_evaluation().metrics(1).values(), SizeIs(100));
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->SerializeAsString(), before);
}

// Jobs that are over: what is asked for now and then is in the store.
class FinishedTest : public BoundedTest {
 protected:
  // One with a spec of so many groups of parameters: some 100 bytes of it each, as much again in
  // the summary, and ten times as much in memory.
  void Finish(const std::string& id, int groups) {
    v1::CreateJobRequest request;
    request.set_job_id(id);
    request.set_request_id("create-" + id);
    (*request.mutable_job()->mutable_labels())["team"] = "vision";
    v1::Spec& spec = *request.mutable_job()->mutable_spec();
    spec = SmallSpec();
    for (int i = 0; i < groups; ++i) {
      v1::ParameterGroup& group = *spec.mutable_optimizer()->add_groups();
      group.set_name(absl::StrCat("group-of-a-long-name-", i));
      group.set_pattern(absl::StrCat("layers.", i, ".weight.of.a.long.name"));
      group.mutable_step_size()->set_constant(0.5);
    }
    created_ = request;
    Answer<v1::Job> created = Create(request);
    const auto worker = ConnectSpare();
    ASSERT_TRUE(created.Get().ok());
    worker->Begin();
    auto set = Command(SetOf(id, "s1", 0.25));
    ASSERT_TRUE(worker->AwaitCommand("s1"));
    worker->Train(4);
    worker->SaveCheckpoint();
    EmitEvaluation(*worker, 0.5, "", /*classes=*/10);
    worker->Finish();
    ASSERT_TRUE(worker->AwaitAcknowledged());
    ASSERT_TRUE(set.Get().ok());
    AwaitState(id, v1::SUCCEEDED);
    ExitCleanly(*worker);
    std::erase(workers_, worker);  // it has a copy of the spec
    Settle();
  }
  void Restart(int64_t cache_bytes) {
    StopDaemon();
    limits_.cache_bytes = cache_bytes;
    StartDaemon();
    Settle();
  }
  // What the process has allocated.
  static int64_t Allocated() {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<int64_t>(info.uordblks + info.hblkhd);
  }

  v1::CreateJobRequest created_;  // the last
};

TEST_F(FinishedTest, TheyAreToldAsBeforeFromTheStore) {
  Finish("a", /*groups=*/3);
  const v1::Job before = *jobs_->Get(Ann(), "jobs/a");
  EXPECT_THAT(before.spec().optimizer().groups(), SizeIs(3));
  EXPECT_THAT(before.last_evaluation().metrics(1).values(), SizeIs(100));
  EXPECT_FALSE(before.dials().empty());
  EXPECT_EQ(before.last_checkpoint(), "0-4");
  for (const int64_t cache_bytes : {0, 16 << 20}) {
    Restart(cache_bytes);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->DebugString(), before.DebugString());
      v1::ListJobsRequest request;
      request.set_filter("state = SUCCEEDED AND labels.team = vision");
      const auto list = jobs_->List(Ann(), request);
      ASSERT_THAT(list->jobs(), SizeIs(1));
      v1::Job light = before;
      light.clear_spec();
      light.clear_summary();
      light.mutable_last_evaluation()->mutable_metrics(1)->clear_values();
      light.mutable_last_evaluation()->mutable_metrics(1)->set_size(10);
      EXPECT_EQ(list->jobs(0).DebugString(), light.DebugString());
    }
    // What metrics show.
    const std::vector<v1::Job> all = jobs_->Snapshot(Ann());
    ASSERT_THAT(all, SizeIs(1));
    EXPECT_EQ(all[0].last_iteration().index(), before.last_iteration().index());
    EXPECT_THAT(all[0].dials(), SizeIs(before.dials_size()));
  }
}

TEST_F(FinishedTest, RequestsAreKnownForEver) {
  Finish("a", /*groups=*/3);
  const auto known = [&] {
    EXPECT_EQ(Command(SetOf("a", "s1", 0.25)).Get()->event().command_applied().request_id(), "s1");
    EXPECT_EQ(GetErrorDetail(Command(SetOf("a", "s1", 0.5)).Get().status()).reason,
              "REQUEST_ID_REUSED");
    EXPECT_EQ(GetErrorDetail(Command(SetOf("a", "s2", 0.5)).Get().status()).reason, "JOB_FINISHED");
    EXPECT_EQ(Create(created_).Get()->name(), "jobs/a");
    v1::CreateJobRequest other = created_;
    other.mutable_job()->set_display_name("another");
    EXPECT_EQ(GetErrorDetail(Create(other).Get().status()).reason, "REQUEST_ID_REUSED");
  };
  known();
  Restart(0);
  known();
}

TEST_F(FinishedTest, TheirSpecsAreNotInMemory) {
  constexpr int kJobs = 20;
  constexpr int kGroups = 4000;  // below what a job may have, 1 MB
  Finish("first", kGroups);
  const int64_t whole = jobs_->Get(Ann(), "jobs/first")->SpaceUsedLong();
  EXPECT_GT(whole, 1 << 20);
  const int64_t before = Allocated();
  for (int i = 0; i < kJobs; ++i) Finish(absl::StrCat("a", i), kGroups);
  // Besides the cache there are the journals' tails, for a minute: half of a job each.
  // SpaceUsedLong knows nothing of what each allocation costs besides: half as much again, for
  // small ones.
  const int64_t ended = Allocated() - before;
  EXPECT_LT(ended, (limits_.cache_bytes + kJobs * whole / 2) * 3 / 2);
  StopDaemon();
  const int64_t stopped = Allocated();
  Restart(/*cache_bytes=*/0);
  // With SQLite's own cache of pages.
  const int64_t restarted = Allocated() - stopped;
  EXPECT_LT(restarted, 6 * whole);
  EXPECT_THAT(jobs_->Get(Ann(), "jobs/a7")->spec().optimizer().groups(), SizeIs(kGroups));
  EXPECT_LT(Allocated() - stopped, 6 * whole);
  RecordProperty("bytes_of_a_job", std::to_string(whole));
  RecordProperty("bytes_once_it_has_ended", std::to_string(ended / kJobs));
  RecordProperty("bytes_after_a_restart", std::to_string(restarted / kJobs));
}

TEST_F(BoundedTest, ARecomputedEvaluationIsComparedWithTheStore) {
  auto worker = RunJob("a");
  worker->Train(2);
  worker->SaveCheckpoint();
  worker->Train(4);
  EmitEvaluation(*worker, 0.5);
  worker->Train(6);
  worker->AwaitAcknowledged();
  Kill(*worker);
  auto same = ConnectSpare();
  same->Begin();
  same->Train(4);
  EmitEvaluation(*same, 0.5);
  same->Train(8);
  EXPECT_TRUE(same->AwaitAcknowledged());
  EXPECT_EQ(Evaluations(), 1);
  EXPECT_EQ(Rewinds(), 0);
  Kill(*same);
  auto different = ConnectSpare();
  different->Begin();
  different->Train(4);
  EmitEvaluation(*different, 0.25);
  EXPECT_THAT(
      AwaitEvent("a", [](const v1::Event& e) { return e.has_rewound(); }).rewound().detail(),
      HasSubstr("evaluation of test at iteration 4: loss"));
  Kill(*different);
  // On the new branch it is another one, which the next attempt is compared with.
  for (int i = 0; i < 2; ++i) {
    auto next = ConnectSpare();
    next->Begin();
    next->Train(4);
    EmitEvaluation(*next, 0.25);
    next->Train(9 + i);
    EXPECT_TRUE(next->AwaitAcknowledged());
    EXPECT_EQ(Evaluations(), 2);
    EXPECT_EQ(Rewinds(), 1);
    Kill(*next);
  }
}

TEST_F(BoundedTest, AnEvaluationAtTheVeryCheckpointIsNotDoubled) {
  auto worker = RunJob("a");
  worker->Train(4);
  EmitEvaluation(*worker, 0.5);
  worker->SaveCheckpoint();
  worker->Flush();
  worker->AwaitAcknowledged();
  Kill(*worker);
  auto next = ConnectSpare();
  next->Begin();
  EXPECT_EQ(next->start().checkpoint(), "0-4");
  EmitEvaluation(*next, 0.5);
  next->Train(6);
  EXPECT_TRUE(next->AwaitAcknowledged());
  EXPECT_EQ(Evaluations(), 1);
}

}  // namespace
}  // namespace descent::daemon
