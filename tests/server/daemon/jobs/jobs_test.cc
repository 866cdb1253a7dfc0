// Tests submitting, queueing and deleting: the jobs over a real journal and a fake worker.

#include <atomic>
#include <thread>
#include <vector>

#include "proto/rpc_status.h"
#include "server/common/log.h"
#include "server/common/mutex.h"
#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST_F(JobsTest, AFirstAttemptRunsToItsEnd) {
  auto worker = RunJob("first");
  EXPECT_EQ(worker->start().attempt(), 1);
  EXPECT_EQ(worker->start().recompute_until(), -1);
  EXPECT_EQ(worker->start().spec().seed(), 17U);
  worker->Train(10);
  worker->SaveCheckpoint();
  worker->Finish();
  EXPECT_TRUE(worker->AwaitAcknowledged());
  AwaitState("first", v1::SUCCEEDED);
  ExitCleanly(*worker);
  EXPECT_EQ(Values("first"), Undisturbed(10));
  const v1::Job job = *jobs_->Get(Ann(), "jobs/first");
  EXPECT_EQ(job.state(), v1::SUCCEEDED);
  EXPECT_EQ(job.last_iteration().index(), 10);
  EXPECT_EQ(job.last_checkpoint(), "0-10");
  EXPECT_EQ(job.attempt(), 1);
  std::vector<std::string> kinds;
  for (const v1::Event& event : Events("first")) {
    if (!event.has_iteration())
      kinds.push_back(v1::EventKind_Name(static_cast<v1::EventKind>(event.kind_case())));
  }
  EXPECT_THAT(kinds, ElementsAre("CREATED", "STATE_CHANGED", "STATE_CHANGED", "ATTEMPT_STARTED",
                                 "STATE_CHANGED", "CHECKPOINT_SAVED", "STATE_CHANGED"));
}

// Who reads a job and watches it from its head on has everything, and once.
TEST_F(JobsTest, WhatAJobSaysIsWhatHoldsAtItsHead) {
  auto worker = RunJob("read");
  worker->Train(1);
  AwaitEvent("read", [](const v1::Event& event) { return event.iteration().index() == 1; });
  const v1::Job first = *jobs_->Get(Ann(), "jobs/read");
  const int64_t others = first.head_revision() - first.last_iteration().index();
  const auto journal = JournalOf("read");
  std::atomic<bool> over = false;
  std::vector<v1::Job> read;
  std::thread reader([&] {
    while (!over) {
      const int64_t published = journal->head_revision();
      read.push_back(*jobs_->Get(Ann(), "jobs/read"));
      EXPECT_GE(read.back().head_revision(), published);
    }
  });
  for (int i = 2; i <= 1000; ++i) worker->Train(i);
  EXPECT_TRUE(worker->AwaitAcknowledged());
  over = true;
  reader.join();
  for (const v1::Job& job : read) {
    EXPECT_EQ(job.last_iteration().index(), job.head_revision() - others);
  }
}

TEST_F(JobsTest, AFailedJobSaysWhyAndWhatIsKept) {
  auto worker = RunJob("diverging");
  worker->Train(10);
  worker->SaveCheckpoint();
  worker->Step();
  v1::Event end;
  end.mutable_state_changed()->set_state(v1::FAILED);
  end.mutable_state_changed()->set_reason("Diverged at iteration 11.");
  end.mutable_state_changed()->set_error_reason("DIVERGED");
  worker->Emit(end);
  worker->Flush();
  AwaitState("diverging", v1::FAILED);
  const v1::Job job = *jobs_->Get(Ann(), "jobs/diverging");
  EXPECT_EQ(job.state_reason(), "Diverged at iteration 11. (Checkpoint 0-10 is kept.)");
  EXPECT_EQ(job.error_reason(), "DIVERGED");
  EXPECT_EQ(job.last_checkpoint(), "0-10");
}

// There are two events of one evaluation, whose matrix goes on from one to the other.
TEST_F(JobsTest, AnEvaluationInPartsIsOneWithoutItsLargeMatrices) {
  auto worker = RunJob("parts");
  worker->Train(5);
  const auto evaluation = [](int part) {
    v1::Event event;
    v1::Evaluated& evaluated = *event.mutable_evaluation();
    evaluated.set_iteration(5);
    evaluated.set_dataset("test");
    evaluated.set_part(part);
    evaluated.set_parts(2);
    if (part == 0) {
      evaluated.add_metrics()->set_name("loss");
      for (int i = 0; i < 9; ++i) evaluated.mutable_metrics(0)->add_values(i);
    }
    v1::Metric& matrix = *evaluated.add_metrics();
    matrix.set_name("confusion_matrix");
    matrix.set_size(3000);
    matrix.add_rows(part);
    matrix.add_columns(1);
    matrix.add_counts(1);
    if (part == 1) evaluated.add_metrics()->set_name("accuracy");
    return event;
  };
  worker->Emit(evaluation(0));
  worker->Emit(evaluation(1));
  worker->Flush();
  ASSERT_TRUE(worker->AwaitAcknowledged());
  const v1::Evaluated last = jobs_->Get(Ann(), "jobs/parts")->last_evaluation();
  ASSERT_EQ(last.metrics_size(), 3);
  EXPECT_EQ(last.parts(), 0);
  EXPECT_EQ(last.metrics(0).values_size(), 9);
  EXPECT_EQ(last.metrics(1).name(), "confusion_matrix");
  EXPECT_EQ(last.metrics(1).size(), 3000);
  EXPECT_EQ(last.metrics(1).rows_size(), 0);
  EXPECT_EQ(last.metrics(2).name(), "accuracy");
  const v1::Evaluated listed = jobs_->List(Ann(), {})->jobs(0).last_evaluation();
  EXPECT_EQ(listed.metrics(0).values_size(), 0);
  EXPECT_EQ(listed.metrics(0).size(), 3);

  // Computed again, each part is compared with its own.
  Kill(*worker);
  worker = ConnectSpare();
  worker->Begin();
  worker->Train(5);
  worker->Emit(evaluation(0));
  worker->Emit(evaluation(1));
  worker->Train(6);
  ASSERT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(Count("parts", [](const v1::Event& e) { return e.has_rewound(); }), 0);
  EXPECT_EQ(Count("parts", [](const v1::Event& e) { return e.has_evaluation(); }), 2);
}

TEST_F(JobsTest, AnEventThatNobodyCouldBeToldOfEndsTheJob) {
  auto worker = RunJob("large");
  v1::Event event;
  event.mutable_notice()->set_message(std::string(2 << 20, 'x'));
  worker->Emit(event);
  worker->Flush();
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  AwaitState("large", v1::FAILED);
  EXPECT_THAT(jobs_->Get(Ann(), "jobs/large")->state_reason(),
              HasSubstr("bytes, more than 1048576"));
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/large")->error_reason(), "TOO_LARGE");
}

TEST_F(JobsTest, AListOfLargeJobsComesInSmallPages) {
  v1::CreateJobRequest request;
  *request.mutable_job()->mutable_spec() = SmallSpec();
  for (int i = 0; i < 64; ++i) {
    (*request.mutable_job()->mutable_labels())[absl::StrCat("key", i)] = std::string(8192, 'v');
  }
  std::shared_ptr<FakeWorker> worker;
  for (int i = 0; i < 5; ++i) {
    request.set_job_id(absl::StrCat("job-", i));
    auto created = Create(request);
    if (i == 0) worker = ConnectSpare();
    ASSERT_TRUE(created.Get().ok());
    if (i == 0) worker->Begin(), ConnectSpare();
  }
  v1::ListJobsRequest list;
  std::vector<std::string> names;
  int pages = 0;
  do {
    const v1::ListJobsResponse page = *jobs_->List(Ann(), list);
    EXPECT_LT(page.ByteSizeLong(), 4u << 20);
    for (const v1::Job& job : page.jobs()) names.push_back(job.name());
    list.set_page_token(page.next_page_token());
    ++pages;
  } while (!list.page_token().empty());
  EXPECT_EQ(pages, 5);
  EXPECT_THAT(names,
              ElementsAre("jobs/job-4", "jobs/job-3", "jobs/job-2", "jobs/job-1", "jobs/job-0"));
}

TEST_F(JobsTest, AnInvalidSpecMakesNoJobAndNamesTheField) {
  auto created = Create("bad");
  auto worker = processes_.NextLaunched();
  workers_.push_back(worker);
  worker::v1::Invalid invalid;
  auto* violation = invalid.add_violations();
  violation->set_field("model.sequential.layers[1]");
  violation->set_description("wants 7 inputs, gets 5");
  violation->set_reason("SHAPE_MISMATCH");
  worker->set_invalid(std::move(invalid));
  worker->Connect();
  const absl::StatusOr<v1::Job> job = created.Get();
  EXPECT_EQ(job.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(job.status()), HasSubstr("model.sequential.layers[1]: wants 7"));
  EXPECT_EQ(GetErrorDetail(job.status()).reason, "SHAPE_MISMATCH");
  EXPECT_FALSE(jobs_->Get(Ann(), "jobs/bad").ok());
  // The id is free again.
  worker->set_invalid(std::nullopt);
  EXPECT_TRUE(Create("bad").Get().ok());
}

TEST_F(JobsTest, ASpecThatKillsWorkersIsGivenUp) {
  auto created = Create("poison");
  for (int i = 0; i < 2; ++i) {
    auto worker = processes_.NextLaunched();
    worker->LeaveValidate();
    worker->Connect();
    worker->Await(worker::v1::DaemonMessage::kWelcome);
    workers_.push_back(worker);
    Kill(*worker);
    Advance(1);  // the back-off
  }
  const absl::Status status = created.Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(Message(status), HasSubstr("SIGKILL"));
}

TEST_F(JobsTest, NamesAreUniqueAndDrawnIfNotGiven) {
  auto worker = RunJob("mine");
  ConnectSpare();
  EXPECT_EQ(Create("mine").Get().status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Create("No Name").Get().status().code(), absl::StatusCode::kInvalidArgument);
  const auto drawn = Create("").Get();
  ASSERT_TRUE(drawn.ok());
  EXPECT_THAT(drawn->name(), testing::MatchesRegex("jobs/[a-z]+-[a-z]+-[0-9a-f]+"));
}

TEST_F(JobsTest, TheSameRequestIdIsTheSameJobAlsoAfterARestart) {
  auto first = Create("", "r1");
  auto again = Create("", "r1");  // while the first is under way
  auto spare = ConnectSpare();
  const auto job = first.Get();
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(again.Get()->name(), job->name());
  EXPECT_EQ(Create("", "r1").Get()->name(), job->name());
  EXPECT_EQ(Create("other", "r1").Get().status().code(), absl::StatusCode::kAlreadyExists);
  StopDaemon();
  StartDaemon();
  EXPECT_EQ(Create("", "r1").Get()->name(), job->name());
  v1::CreateJobRequest different;
  different.set_request_id("r1");
  *different.mutable_job()->mutable_spec() = SmallSpec();
  different.mutable_job()->mutable_spec()->set_iterations(7);
  EXPECT_EQ(Create(different).Get().status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(JobsTest, AJobHasItsOwnerAndGroupAndItsRequestIsAnsweredToHim) {
  v1::CreateJobRequest request;
  request.set_request_id("r1");
  request.set_group("lab");
  *request.mutable_job()->mutable_spec() = SmallSpec();
  const auto ask = [&](const char* principal, Role role) {
    auto [answer, done] = MakeAnswer<v1::Job>();
    jobs_->Create({.principal = principal, .role = role}, request, done);
    return std::move(answer);
  };
  auto first = ask("ann", Role::kOperator);
  auto other = ask("bob", Role::kOperator);  // while the first is under way
  auto spare = ConnectSpare();
  EXPECT_EQ(GetErrorDetail(other.Get().status()).reason, "NOT_YOURS");
  const auto job = first.Get();
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->owner(), "ann");
  EXPECT_EQ(job->group(), "lab");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask("ann", Role::kOperator).Get()->name(), job->name());
    EXPECT_EQ(ask("root", Role::kAdmin).Get()->name(), job->name());
    EXPECT_EQ(GetErrorDetail(ask("bob", Role::kOperator).Get().status()).reason, "NOT_YOURS");
    EXPECT_EQ(jobs_->OwnershipOf(job->name())->owner, "ann");
    EXPECT_EQ(jobs_->OwnershipOf(job->name())->group, "lab");
    v1::ListJobsRequest list;
    list.set_filter("owner = ann AND group = lab");
    EXPECT_EQ(jobs_->List(Ann(), list)->jobs_size(), 1);
    list.set_filter("owner = bob");
    EXPECT_EQ(jobs_->List(Ann(), list)->jobs_size(), 0);
    StopDaemon();
    StartDaemon();
  }
  EXPECT_TRUE(absl::IsNotFound(jobs_->OwnershipOf("jobs/none").status()));
  // The same request for another group is another one.
  request.set_group("");
  EXPECT_TRUE(absl::IsAlreadyExists(ask("ann", Role::kOperator).Get().status()));
}

TEST_F(JobsTest, JobsWaitForTheirTurnInOrder) {
  auto worker = RunJob("a");
  auto spare = ConnectSpare();
  ASSERT_TRUE(Create("b").Get().ok());
  ASSERT_TRUE(Create("c").Get().ok());
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/b")->state(), v1::QUEUED);
  EXPECT_EQ(jobs_->statistics(Ann()).queued, 2);
  worker->Train(3);
  worker->Finish();
  AwaitState("a", v1::SUCCEEDED);
  EXPECT_EQ(spare->Begin().job(), "jobs/b");
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/c")->state(), v1::QUEUED);
  spare->Train(1);
  spare->Finish();
  EXPECT_EQ(ConnectSpare()->Begin().job(), "jobs/c");
}

TEST_F(JobsTest, AQueuedJobIsStoppedWithoutAWorker) {
  auto worker = RunJob("a");
  auto spare = ConnectSpare();
  ASSERT_TRUE(Create("b").Get().ok());
  auto set = Command(SetOf("b", "s", 0.25));
  v1::CommandJobRequest stop = CommandOf("b", "stop");
  stop.add_commands()->mutable_stop();
  const auto answer = Command(stop).Get();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->event().command_applied().commands(), ElementsAre("stop"));
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/b")->state(), v1::STOPPED);
  // What was still open is rejected, before the end.
  EXPECT_EQ(set.Get().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Events("b").back().state_changed().state(), v1::STOPPED);
  EXPECT_EQ(Command(SetOf("b", "late", 0.1)).Get().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(JobsTest, OldCheckpointsGo) {
  auto worker = RunJob("a");
  for (int k = 0; k < 5; ++k) {
    worker->Train(k);
    worker->SaveCheckpoint();
    worker->Flush();
    worker->AwaitAcknowledged();
  }
  Settle();
  const std::string folder = folder_.path() + "/jobs/a/checkpoints/";
  EXPECT_FALSE(std::filesystem::exists(folder + "0-0.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(folder + "0-1.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(folder + "0-2.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(folder + "0-4.safetensors"));
}

TEST_F(JobsTest, AFinishedJobIsDeletedARunningOneOnlyByForce) {
  auto worker = RunJob("a");
  worker->Train(2);
  worker->AwaitAcknowledged();
  v1::DeleteJobRequest request;
  request.set_name("jobs/a");
  auto [refused, refused_done] = MakeAnswer<v1::DeleteJobResponse>();
  jobs_->Delete(Ann(), request, refused_done);
  EXPECT_EQ(refused.Get().status().code(), absl::StatusCode::kFailedPrecondition);
  request.set_force(true);
  auto [answer, done] = MakeAnswer<v1::DeleteJobResponse>();
  jobs_->Delete(Ann(), request, done);
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  Kill(*worker);
  EXPECT_TRUE(answer.Get().ok());
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/jobs/a"));
  // The id is free again.
  ConnectSpare();
  EXPECT_TRUE(Create("a").Get().ok());
}

TEST_F(JobsTest, WhatDeletesARunningJobLogsItsEndOnce) {
  server::Mutex mutex;
  std::vector<std::string> ends;
  server::SetLogSink([&](const std::string& line) {
    server::MutexLock lock(mutex);
    if (line.find("STOPPED") != std::string::npos) ends.push_back(line);
  });
  auto worker = RunJob("a");
  v1::DeleteJobRequest request;
  request.set_name("jobs/a");
  request.set_force(true);
  auto [answer, done] = MakeAnswer<v1::DeleteJobResponse>();
  jobs_->Delete(Ann(), request, done);
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  Kill(*worker);
  EXPECT_TRUE(answer.Get().ok());
  Settle();
  server::SetLogSink({});
  EXPECT_THAT(ends, SizeIs(1));
}

TEST_F(JobsTest, ListsNewestFirstByPageAndFilter) {
  auto worker = RunJob("j0");
  auto spare = ConnectSpare();
  for (const char* id : {"j1", "j2", "j3"}) {
    clock_.Advance(1'000'000);
    v1::CreateJobRequest request;
    request.set_job_id(id);
    *request.mutable_job()->mutable_spec() = SmallSpec();
    (*request.mutable_job()->mutable_labels())["team"] = std::string(id) == "j2" ? "x" : "y z";
    ASSERT_TRUE(Create(request).Get().ok());
  }
  v1::ListJobsRequest request;
  request.set_page_size(3);
  auto page = jobs_->List(Ann(), request);
  ASSERT_TRUE(page.ok());
  ASSERT_THAT(page->jobs(), SizeIs(3));
  EXPECT_EQ(page->jobs(0).name(), "jobs/j3");
  EXPECT_FALSE(page->jobs(0).has_spec());
  request.set_page_token(page->next_page_token());
  page = jobs_->List(Ann(), request);
  ASSERT_THAT(page->jobs(), SizeIs(1));
  EXPECT_EQ(page->jobs(0).name(), "jobs/j0");
  EXPECT_EQ(page->next_page_token(), "");
  request.Clear();
  request.set_filter("state = QUEUED AND labels.team = \"y z\"");
  page = jobs_->List(Ann(), request);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(page->jobs(), SizeIs(2));
  for (const char* bad : {"state", "state = ", "state = GONE", "colour = red", "state = QUEUED OR",
                          "display_name = \"x", "state > 3"}) {
    request.set_filter(bad);
    EXPECT_EQ(jobs_->List(Ann(), request).status().code(), absl::StatusCode::kInvalidArgument)
        << bad;
  }
  const std::vector<std::pair<std::string, std::string>> meant = {
      {"state=queued", "QUEUED"}, {"state = SUCEEDED", "SUCCEEDED"}, {"stat = QUEUED", "state"}};
  for (const auto& [given, right] : meant) {
    request.set_filter(given);
    EXPECT_THAT(std::string(jobs_->List(Ann(), request).status().message()),
                HasSubstr(" (did you mean `" + right + "`?); write terms like"));
  }
  request.Clear();
  request.set_page_token("nonsense");
  EXPECT_EQ(jobs_->List(Ann(), request).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace descent::daemon
