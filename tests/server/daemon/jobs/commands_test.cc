// Tests commands to jobs: the jobs over a real journal and a fake worker.

#include "proto/rpc_status.h"
#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST_F(JobsTest, AnOpenCommandIsToldAgainAfterAReconnection) {
  auto worker = RunJob("a");
  worker->Train(5);
  auto answer = Command(SetOf("a", "s1", 0.25));
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  EXPECT_FALSE(answer.ready());
  EXPECT_EQ(worker->Await(worker::v1::DaemonMessage::kCommand).command().request().request_id(),
            "s1");
  worker->Disconnect();
  worker->Connect();
  worker::v1::Welcome welcome = worker->Await(worker::v1::DaemonMessage::kWelcome).welcome();
  ASSERT_THAT(welcome.unresolved(), SizeIs(1));
  EXPECT_EQ(welcome.unresolved(0).request_id(), "s1");
}

TEST_F(JobsTest, ASetIsInForceFromTheBoundaryOn) {
  auto worker = RunJob("a");
  worker->Train(5);
  auto answer = Command(SetOf("a", "s1", 0.25));
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  worker->Train(6);  // the boundary of 6 takes it
  const auto applied = answer.Get();
  ASSERT_TRUE(applied.ok()) << applied.status();
  const v1::CommandApplied& event = applied->event().command_applied();
  EXPECT_EQ(event.iteration(), 6);
  EXPECT_EQ(event.principal(), "bob");
  EXPECT_EQ(event.changes(0).old_value(), 0.5);
  EXPECT_EQ(event.changes(0).new_value(), 0.25);
  EXPECT_GT(applied->event().revision(), 0);
  worker->Train(9);
  worker->AwaitAcknowledged();
  EXPECT_EQ(Values("a"), Undisturbed(9, {{6, 0.25}}));
  const v1::Job job = *jobs_->Get(Ann(), "jobs/a");
  ASSERT_THAT(job.dials(), SizeIs(testing::Ge(1)));
  EXPECT_EQ(job.dials(0).path(), "optimizer.adam.step_size");
  EXPECT_EQ(job.dials(0).value(), 0.25);
  EXPECT_TRUE(job.dials(0).overridden());
}

TEST_F(JobsTest, ARequestIdAnswersOnceAndForEver) {
  auto worker = RunJob("a");
  auto first = Command(SetOf("a", "s1", 0.25));
  auto second = Command(SetOf("a", "s1", 0.25));
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  EXPECT_EQ(Command(SetOf("a", "s1", 0.125)).Get().status().code(),
            absl::StatusCode::kAlreadyExists);
  worker->Train(2);
  const auto answer = first.Get();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(second.Get()->event().revision(), answer->event().revision());
  EXPECT_EQ(Command(SetOf("a", "s1", 0.25)).Get()->event().revision(), answer->event().revision());
  worker->Finish();
  AwaitState("a", v1::SUCCEEDED);
  StopDaemon();
  StartDaemon();
  // The job is over, and the answer is still the answer.
  EXPECT_EQ(Command(SetOf("a", "s1", 0.25)).Get()->event().revision(), answer->event().revision());
  EXPECT_EQ(Command(SetOf("a", "s2", 0.25)).Get().status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CountApplied("a", "s1"), 1);
}

TEST_F(JobsTest, ARejectedCommandChangesNothingAndNamesTheField) {
  auto worker = RunJob("a");
  auto answer = Command(SetOf("a", "s1", -1));
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  worker->Train(4);
  const absl::Status status = answer.Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetail(status).reason, "OUT_OF_RANGE");
  EXPECT_EQ(GetErrorDetail(status).violations[0].field, "commands[0].set.value");
  EXPECT_EQ(Values("a"), Undisturbed(4));
  EXPECT_EQ(Command(SetOf("a", "s1", -1)).Get().status(), status);
}

TEST_F(JobsTest, AnUnknownDialIsRefusedAtOnceWithTheOnesThereAre) {
  auto worker = RunJob("a");
  v1::CommandJobRequest request = SetOf("a", "s1", 0.1);
  request.mutable_commands(0)->mutable_set()->set_path("stepsize");
  const absl::Status status = Command(request).Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("optimizer.adam.step_size"));
  request.mutable_commands(0)->mutable_set()->set_path("lr");
  auto answer = Command(request);
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  worker->Train(0);
  EXPECT_TRUE(answer.Get().ok());
}

TEST_F(JobsTest, AtIterationWaitsForThatBoundaryAndIsRefusedWhenItHasPassed) {
  auto worker = RunJob("a");
  worker->Train(5);
  v1::CommandJobRequest request = SetOf("a", "s1", 0.25);
  request.set_at_iteration(8);
  auto answer = Command(request);
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  worker->Train(7);
  EXPECT_FALSE(answer.ready());
  worker->Train(10);
  EXPECT_EQ(answer.Get()->event().command_applied().iteration(), 8);
  worker->AwaitAcknowledged();
  EXPECT_EQ(Values("a"), Undisturbed(10, {{8, 0.25}}));
  request.set_request_id("s2");
  const absl::Status status = Command(request).Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetail(status).reason, "ITERATION_PASSED");
}

TEST_F(JobsTest, WhatIsOpenAtTheEndIsRejectedBeforeIt) {
  auto worker = RunJob("a");
  v1::CommandJobRequest request = SetOf("a", "s1", 0.25);
  request.set_at_iteration(100);
  auto answer = Command(request);
  ASSERT_TRUE(worker->AwaitCommand("s1"));
  worker->Train(3);
  worker->Finish();
  const absl::Status status = answer.Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetail(status).reason, "RUN_ENDED");
  const std::vector<v1::Event> events = Events("a");
  EXPECT_TRUE(events.back().has_state_changed());
  EXPECT_TRUE(events[events.size() - 2].has_command_rejected());
}

}  // namespace
}  // namespace descent::daemon
