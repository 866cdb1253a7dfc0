// Tests jobs whose loop is somebody's own: their program comes by itself, and can't compute again
// what the journal has.

#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "proto/rpc_status.h"
#include "proto/rules/states.h"
#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;
using worker::v1::DaemonMessage;

class ProgramTest : public JobsTest {
 protected:
  static v1::Spec LoopSpec() {
    v1::Spec spec;
    v1::ProgramDial& dial = *spec.mutable_program()->add_dials();
    dial.set_name("step_size");
    dial.set_initial(0.5);
    dial.set_min(0);
    dial.set_max(1);
    spec.mutable_program()->add_series("x");
    spec.set_iterations(1000);
    return spec;
  }

  absl::StatusOr<v1::Job> CreateLoop(const v1::Spec& spec = LoopSpec()) {
    v1::CreateJobRequest request;
    request.set_job_id("loop");
    *request.mutable_job()->mutable_spec() = spec;
    return Create(request).Get();
  }

  std::string Secret() {
    std::string secret;
    std::ifstream(folder_.File("jobs/loop/program.secret")) >> secret;
    return secret;
  }

  std::shared_ptr<FakeWorker> Program(const std::string& secret) {
    auto program = processes_.StartElsewhere(secret);
    program->program_of = "jobs/loop";
    program->dial = "step_size";
    program->capabilities.set_recompute(false);
    program->capabilities.set_evaluate(false);
    workers_.push_back(program);
    return program;
  }
  // Gives a program that is told to start.
  std::shared_ptr<FakeWorker> RunLoop() {
    auto program = Program(Secret());
    program->Connect();
    program->Begin();
    return program;
  }

  int Rewinds() {
    return Count("loop", [](const v1::Event& event) { return event.has_rewound(); });
  }
  v1::Rewound LastRewound() {
    v1::Rewound last;
    for (const v1::Event& event : Events("loop")) {
      if (event.has_rewound()) last = event.rewound();
    }
    return last;
  }
};

TEST_F(ProgramTest, AsksNoSpareAndGivesItNothing) {
  const auto job = CreateLoop();
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->state(), v1::QUEUED);
  EXPECT_THAT(job->state_reason(), HasSubstr("program"));
  EXPECT_THAT(job->summary().dials(), testing::ElementsAre("step_size"));
  EXPECT_THAT(job->summary().step_sizes(), testing::ElementsAre("step_size"));
  EXPECT_THAT(job->summary().series(), testing::ElementsAre("x"));
  EXPECT_EQ(job->summary().iterations(), 1000);
  EXPECT_EQ(job->spec().checkpoints().keep(), 3);
  auto spare = ConnectSpare();
  EXPECT_TRUE(spare->Await(DaemonMessage::kWelcome).has_welcome());
  Settle();
  EXPECT_FALSE(spare->Has(DaemonMessage::kStart));
  EXPECT_EQ(processes_.launches(), 1);
}

TEST_F(ProgramTest, IsHeldToNothingWhateverItSays) {
  ASSERT_TRUE(CreateLoop().ok());
  auto program = Program(Secret());
  program->change_hello = [](worker::v1::Hello* hello) {
    hello->mutable_confinement()->set_filesystem(true);
    hello->mutable_confinement()->set_no_new_privileges(true);
  };
  program->Connect();
  program->Begin();
  const v1::Job job = *jobs_->Get(Ann(), "jobs/loop");
  ASSERT_TRUE(job.has_confinement());
  EXPECT_FALSE(job.confinement().filesystem());
  EXPECT_FALSE(job.confinement().no_new_privileges());
  EXPECT_EQ(job.confinement().memory_limit_bytes(), 0);
}

TEST_F(ProgramTest, RunsBesideAJobOfLayersThatHasTheOnlyPlace) {
  auto worker = RunJob("a");
  ASSERT_TRUE(CreateLoop().ok());
  auto program = RunLoop();
  EXPECT_TRUE(program->start().spec().has_program());
  EXPECT_TRUE(program->Train(5));
  EXPECT_TRUE(worker->Train(3));
  EXPECT_TRUE(program->AwaitAcknowledged());
  EXPECT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(Values("loop"), Undisturbed(5));
  EXPECT_EQ(Values("a"), Undisturbed(3));
}

TEST_F(ProgramTest, BeginsABranchAtItsNewestCheckpoint) {
  ASSERT_TRUE(CreateLoop().ok());
  auto program = RunLoop();
  program->Train(4);
  program->SaveCheckpoint();
  program->Flush();
  auto set = Command(SetOf("loop", "r1", 0.25));
  ASSERT_TRUE(program->AwaitCommand("r1"));
  program->Train(8);  // applied at 5
  ASSERT_TRUE(set.Get().ok());
  ASSERT_TRUE(program->AwaitAcknowledged());
  Kill(*program);
  auto again = RunLoop();
  EXPECT_EQ(again->start().attempt(), 2);
  EXPECT_EQ(again->start().branch(), 1);
  EXPECT_EQ(again->start().checkpoint(), "0-4");
  EXPECT_EQ(again->start().recompute_until(), 4);
  ASSERT_EQ(again->start().script_size(), 1);
  EXPECT_EQ(again->start().script(0).iteration(), 5);
  EXPECT_GT(again->start().script(0).reapplied_from(), 0);
  const v1::Rewound rewound = LastRewound();
  EXPECT_EQ(rewound.cause(), v1::Rewound::RESTARTED);
  EXPECT_EQ(rewound.from_iteration(), 8);
  EXPECT_EQ(rewound.to_iteration(), 4);
  EXPECT_EQ(rewound.from_branch(), 0);
  EXPECT_EQ(rewound.to_branch(), 1);
  EXPECT_EQ(rewound.checkpoint(), "0-4");
  again->Train(10);
  EXPECT_TRUE(again->AwaitAcknowledged());
  EXPECT_EQ(Values("loop"), Undisturbed(10, {{5, 0.25}}));
  EXPECT_EQ(CountApplied("loop", "r1"), 2);  // once a branch
}

TEST_F(ProgramTest, WithoutACheckpointItBeginsAtTheStart) {
  ASSERT_TRUE(CreateLoop().ok());
  auto program = RunLoop();
  program->Train(3);
  ASSERT_TRUE(program->AwaitAcknowledged());
  Kill(*program);
  auto again = RunLoop();
  EXPECT_EQ(again->start().checkpoint(), "");
  EXPECT_EQ(again->start().recompute_until(), -1);
  EXPECT_EQ(LastRewound().to_iteration(), -1);
  again->Train(4);
  EXPECT_TRUE(again->AwaitAcknowledged());
  EXPECT_EQ(Values("loop"), Undisturbed(4));
}

// Nothing was lost, so there is nothing to leave behind.
TEST_F(ProgramTest, BeforeItsFirstIterationNoBranchBegins) {
  ASSERT_TRUE(CreateLoop().ok());
  auto program = RunLoop();
  program->Flush();
  ASSERT_TRUE(program->AwaitAcknowledged());
  Kill(*program);
  auto again = RunLoop();
  EXPECT_EQ(again->start().branch(), 0);
  EXPECT_EQ(Rewinds(), 0);
}

// It is no progress to come again to where it was before, also over a restart of the daemon.
TEST_F(ProgramTest, ThreeAttemptsThatGetNoFurtherEndIt) {
  ASSERT_TRUE(CreateLoop().ok());
  auto program = RunLoop();
  program->Train(5);
  ASSERT_TRUE(program->AwaitAcknowledged());
  for (int i = 1; i <= 3; ++i) {
    Kill(*program);
    Advance(1);
    if (i == 3) {
      StopDaemon();
      StartDaemon();
      Advance(1);
    }
    program = RunLoop();
    program->Train(3);
    ASSERT_TRUE(program->AwaitAcknowledged());
    EXPECT_FALSE(rules::IsFinal(jobs_->Get(Ann(), "jobs/loop")->state()));
  }
  Kill(*program);
  EXPECT_EQ(AwaitState("loop", v1::FAILED).state_changed().error_reason(), "ATTEMPTS_EXHAUSTED");
}

TEST_F(ProgramTest, AnAttemptThatGetsFurtherCounts) {
  ASSERT_TRUE(CreateLoop().ok());
  auto program = RunLoop();
  program->Train(5);
  for (int i = 1; i <= 4; ++i) {
    ASSERT_TRUE(program->AwaitAcknowledged());
    Kill(*program);
    Advance(1);
    program = RunLoop();
    program->Train(5 + i);
  }
  ASSERT_TRUE(program->AwaitAcknowledged());
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/loop")->state(), v1::RUNNING);
  EXPECT_EQ(Rewinds(), 4);
}

TEST_F(ProgramTest, FindsTheNextDaemonAndGoesOn) {
  ASSERT_TRUE(CreateLoop().ok());
  auto program = RunLoop();
  program->Train(3);
  ASSERT_TRUE(program->AwaitAcknowledged());
  program->Disconnect();
  StopDaemon();
  StartDaemon();
  program->Connect();
  program->Resend();
  program->Train(6);
  EXPECT_TRUE(program->AwaitAcknowledged());
  EXPECT_EQ(Values("loop"), Undisturbed(6));
  EXPECT_EQ(Rewinds(), 0);
}

TEST_F(ProgramTest, OnlyTheJobsOwnSecretCounts) {
  ASSERT_TRUE(CreateLoop().ok());
  const std::string secret = Secret();
  EXPECT_EQ(secret.size(), 64U);
  auto stranger = Program(std::string(64, '0'));
  stranger->Connect();
  const std::string refusal = stranger->Await(DaemonMessage::kFenced).fenced().reason();
  auto of_nobody = Program(secret);
  of_nobody->program_of = "jobs/nobody";
  of_nobody->Connect();
  EXPECT_EQ(of_nobody->Await(DaemonMessage::kFenced).fenced().reason(), refusal);
  // That of a namesake that was deleted is none.
  v1::DeleteJobRequest request;
  request.set_name("jobs/loop");
  request.set_force(true);
  auto [answer, done] = MakeAnswer<v1::DeleteJobResponse>();
  jobs_->Delete(Ann(), request, done);
  ASSERT_TRUE(answer.Get().ok());
  Advance(1);
  ASSERT_TRUE(CreateLoop().ok());
  auto late = Program(secret);
  late->Connect();
  EXPECT_EQ(late->Await(DaemonMessage::kFenced).fenced().reason(), refusal);
}

TEST_F(ProgramTest, WhatItCantDoIsRefused) {
  ASSERT_TRUE(CreateLoop().ok());
  // Before it is known what it can do.
  v1::CommandJobRequest evaluate = CommandOf("loop", "early");
  evaluate.add_commands()->mutable_evaluate();
  auto early = Command(evaluate);
  AwaitAccepted("loop", "early");
  auto program = RunLoop();
  EXPECT_EQ(early.Get().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(program->start().unresolved_size(), 0);
  evaluate.set_request_id("late");
  const auto late = Command(evaluate).Get();
  EXPECT_EQ(late.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(late.status().message()), HasSubstr("can't evaluate"));
  EXPECT_EQ(GetErrorDetail(late.status()).reason, "UNSUPPORTED");
  const auto beyond = Command(SetOf("loop", "beyond", 1.5)).Get();
  EXPECT_EQ(beyond.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(beyond.status().message()), HasSubstr("between 0 and 1"));
  EXPECT_EQ(GetErrorDetail(beyond.status()).violations.at(0).field, "commands[0].set.value");
}

TEST_F(ProgramTest, CanBeStoppedWhileItIsAway) {
  ASSERT_TRUE(CreateLoop().ok());
  auto program = RunLoop();
  program->Train(3);
  ASSERT_TRUE(program->AwaitAcknowledged());
  Kill(*program);
  AwaitState("loop", v1::RECOVERING);
  v1::CommandJobRequest stop = CommandOf("loop", "stop");
  stop.add_commands()->mutable_stop();
  const auto stopped = Command(stop).Get();
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(stopped->event().command_applied().iteration(), 3);
  EXPECT_EQ(AwaitState("loop", v1::STOPPED).state_changed().iteration(), 3);
}

TEST_F(ProgramTest, HasNoModelThatCouldPredict) {
  ASSERT_TRUE(CreateLoop().ok());
  class Sink : public PredictionSink {
   public:
    void OnResponse(v1::PredictJobResponse /*response*/) override {}
    void OnEnd(const absl::Status& status) override { end.set_value(status); }
    std::promise<absl::Status> end;
  };
  auto sink = std::make_shared<Sink>();
  v1::PredictJobRequest request;
  request.set_name("jobs/loop");
  const auto prediction = jobs_->Predict(Ann(), request, sink);
  EXPECT_EQ(GetErrorDetail(sink->end.get_future().get()).reason, "NO_MODEL");
}

TEST_F(ProgramTest, ADeclarationThatIsWrongIsNamed) {
  struct Case {
    std::function<void(v1::Spec*)> change;
    std::string field;
    std::string reason;
  };
  const auto dial = [](v1::Spec* spec) { return spec->mutable_program()->mutable_dials(0); };
  const std::vector<Case> cases = {
      {[](v1::Spec* spec) { spec->mutable_optimizer(); }, "optimizer", "CONFLICT"},
      {[](v1::Spec* spec) { spec->set_epochs(2); }, "epochs", "CONFLICT"},
      {[](v1::Spec* spec) { spec->set_iterations(0); }, "iterations", "OUT_OF_RANGE"},
      {[&](v1::Spec* spec) { dial(spec)->clear_name(); }, "program.dials[0].name", "MISSING_FIELD"},
      {[&](v1::Spec* spec) { dial(spec)->set_name("a..b"); }, "program.dials[0].name",
       "INVALID_NAME"},
      {[&](v1::Spec* spec) { dial(spec)->set_name("group0.lr"); }, "program.dials[0].name",
       "INVALID_NAME"},
      {[&](v1::Spec* spec) { dial(spec)->set_initial(2); }, "program.dials[0].initial",
       "OUT_OF_RANGE"},
      {[&](v1::Spec* spec) { dial(spec)->set_max(-1); }, "program.dials[0].max", "OUT_OF_RANGE"},
      {[&](v1::Spec* spec) { dial(spec)->set_step(0); }, "program.dials[0].step", "OUT_OF_RANGE"},
      {[](v1::Spec* spec) { spec->mutable_program()->add_series("step_size"); },
       "program.series[1]", "DUPLICATE_NAME"},
  };
  for (const Case& wrong : cases) {
    SCOPED_TRACE(wrong.field);
    v1::Spec spec = LoopSpec();
    wrong.change(&spec);
    const auto job = CreateLoop(spec);
    EXPECT_EQ(job.status().code(), absl::StatusCode::kInvalidArgument);
    const ErrorDetail detail = GetErrorDetail(job.status());
    EXPECT_EQ(detail.reason, wrong.reason);
    ASSERT_EQ(detail.violations.size(), 1U);
    EXPECT_EQ(detail.violations[0].field, wrong.field);
  }
  // A program needs to declare nothing.
  v1::Spec bare;
  bare.mutable_program();
  EXPECT_TRUE(CreateLoop(bare).ok());
}

}  // namespace
}  // namespace descent::daemon
