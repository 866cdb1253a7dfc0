// Runs a real descent-worker against a fake daemon: one attempt and the commands to it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

namespace api = ::descent::v1;

class AttemptTest : public ::testing::Test {
 protected:
  FakeDaemon daemon_;
  const std::string table_ = WriteTable(daemon_.folder(), 100);
};

// The start is paused at iteration 10, so that a test can talk to it at leisure.
v1::DaemonMessage PausedAt10(const FakeDaemon& daemon, const api::Spec& spec) {
  v1::DaemonMessage start = StartOf(daemon, spec);
  *start.mutable_start()->add_unresolved() =
      Request("pause-10", "commands { pause {} } at_iteration: 10");
  return start;
}

TEST_F(AttemptTest, RunsToTheEnd) {
  WorkerProcess worker(daemon_);
  const v1::Hello hello = daemon_.WaitForHello(1);
  EXPECT_EQ(hello.protocol_version(), 2);
  EXPECT_EQ(hello.role(), v1::Hello::SPARE);
  EXPECT_EQ(hello.secret(), "sesame");
  EXPECT_EQ(hello.worker_id(), "test");
  EXPECT_EQ(hello.job(), "");
  EXPECT_GT(hello.worker().pid(), 0);
  EXPECT_GT(hello.worker().process_start_ticks(), 0);
  EXPECT_NE(hello.worker().cpu_capability(), "");

  daemon_.Send(StartOf(daemon_, SmallSpec(table_, 50)));
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);

  ASSERT_TRUE(events[0].has_series());
  EXPECT_EQ(events[0].series().names(0), "optimizer.adam.beta1");
  EXPECT_EQ(events[1].state_changed().state(), api::RUNNING);
  EXPECT_FALSE(events[1].state_changed().has_iteration());
  EXPECT_EQ(events.back().state_changed().state(), api::SUCCEEDED);

  const auto iterations = Iterations(events);
  ASSERT_EQ(iterations.size(), 51u);
  EXPECT_FALSE(iterations[0].has_step_size());
  EXPECT_EQ(iterations[0].scalars_size(), 0);
  for (int k = 0; k <= 50; ++k) {
    EXPECT_EQ(iterations[k].index(), k);
    EXPECT_EQ(iterations[k].samples(), k / 7 * 100 + k % 7 * 16);
    EXPECT_GT(iterations[k].gradient_norm(), 0);
    if (k == 0) continue;
    EXPECT_NEAR(iterations[k].step_size(), 0.01 * (1 + std::cos(M_PI * (k - 1) / 50)), 1e-15);
    EXPECT_EQ(iterations[k].scalars(1), 0.999);
    EXPECT_GE(iterations[k].elapsed_seconds(), iterations[k - 1].elapsed_seconds());
  }
  EXPECT_DOUBLE_EQ(iterations[7].epoch(), 1);
  EXPECT_LT(iterations[50].value(), iterations[0].value());
}

TEST_F(AttemptTest, EvaluatesAtEpochEndsAndSavesAtIntervalsAndAtTheEnd) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(StartOf(daemon_, SmallSpec(table_, 50)));
  const Events events = daemon_.WaitForEvents(Ended);
  std::vector<int64_t> evaluated, saved;
  int64_t k = -1;
  for (const Event& event : events) {
    if (event.has_iteration()) k = event.iteration().index();
    if (event.has_evaluation()) {
      evaluated.push_back(event.evaluation().iteration());
      EXPECT_EQ(k, evaluated.back());
      EXPECT_EQ(event.evaluation().samples(), 100);
      EXPECT_EQ(event.evaluation().metrics(1).name(), "accuracy");
    }
    if (event.has_checkpoint_saved()) {
      saved.push_back(event.checkpoint_saved().iteration());
      EXPECT_EQ(k, saved.back());
      EXPECT_EQ(event.checkpoint_saved().checkpoint(), "0-" + std::to_string(k));
      EXPECT_EQ(static_cast<int64_t>(std::filesystem::file_size(
                    daemon_.folder() + "/checkpoints/0-" + std::to_string(k) + ".safetensors")),
                event.checkpoint_saved().bytes());
    }
  }
  EXPECT_EQ(evaluated, (std::vector<int64_t>{7, 14, 21, 28, 35, 42, 49, 50}));
  EXPECT_EQ(saved, (std::vector<int64_t>{20, 40, 50}));
}

TEST_F(AttemptTest, AStopTestEndsTheRunAndSaysWhy) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  api::Spec spec = SmallSpec(table_, 50);
  spec.mutable_stop_when()->set_evaluations(31);
  spec.mutable_stop_when()->set_value_relative_change(1e-300);
  daemon_.Send(StartOf(daemon_, spec));
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_EQ(events.back().state_changed().state(), api::SUCCEEDED);
  EXPECT_EQ(events.back().state_changed().reason(), "evaluations 31 >= 31");
  EXPECT_EQ(events.back().state_changed().iteration(), 30);
  EXPECT_EQ(Iterations(events).size(), 31u);
  EXPECT_EQ(LastCheckpoint(events).iteration(), 30);
  const Event& evaluation = events[events.size() - 3];
  ASSERT_TRUE(evaluation.has_evaluation());
  EXPECT_EQ(evaluation.evaluation().iteration(), 30);
}

// While iterations are computed again, tests on times don't decide.
TEST_F(AttemptTest, ATestOnTimesDecidesWhereTheJournalEnds) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  api::Spec spec = SmallSpec(table_, 50);
  spec.mutable_stop_when()->set_seconds(0);
  v1::DaemonMessage start = StartOf(daemon_, spec, 2);
  start.mutable_start()->set_recompute_until(20);
  daemon_.Send(start);
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(events.back().state_changed().state(), api::SUCCEEDED);
  EXPECT_EQ(events.back().state_changed().iteration(), 21);
  EXPECT_EQ(events.back().state_changed().reason().substr(0, 8), "seconds ");
}

TEST_F(AttemptTest, AFunctionIsAJobLikeAnyOther) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  api::Spec spec;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"pb(
        objective { function { rosenbrock {} } }
        optimizer { lbfgs {} }
        iterations: 1000
        seed: 1
        stop_when { gradient_max: 1e-8 }
      )pb",
      &spec));
  daemon_.Send(StartOf(daemon_, spec));
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_EQ(events.back().state_changed().state(), api::SUCCEEDED);
  EXPECT_EQ(events.back().state_changed().reason().substr(0, 13), "gradient_max ");
  const auto iterations = Iterations(events);
  EXPECT_NEAR(iterations[0].value(), 24.2, 1e-12);
  EXPECT_LT(iterations.back().value(), 1e-15);
  EXPECT_LT(iterations.size(), 60u);
  EXPECT_EQ(iterations.back().samples(), 0);
  ASSERT_EQ(events[0].series().names(0), "optimizer.lbfgs.evaluations");
  EXPECT_GE(iterations.back().scalars(0), static_cast<double>(iterations.size()));
  EXPECT_LE(iterations.back().scalars(0), 70);
}

TEST_F(AttemptTest, AMethodThatIsStuckEndsTheRunAndSaysWhy) {
  for (const char* optimizer : {"lbfgs {}", "nonlinear_cg {}", "barzilai_borwein {}"}) {
    FakeDaemon daemon;
    WorkerProcess worker(daemon);
    daemon.WaitForHello(1);
    api::Spec spec;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
        absl::StrCat("objective { function { beale {} } } iterations: 5000 seed: 1 optimizer { ",
                     optimizer, " }"),
        &spec));
    daemon.Send(StartOf(daemon, spec));
    const Events events = daemon.WaitForEvents(Ended);
    EXPECT_EQ(worker.Wait(), 0);
    EXPECT_EQ(events.back().state_changed().state(), api::SUCCEEDED);
    EXPECT_EQ(events.back().state_changed().reason().rfind("stuck: no step moves", 0), 0u)
        << optimizer << events.back().state_changed().reason();
    EXPECT_LT(Iterations(events).size(), 5000u) << optimizer;
    EXPECT_LT(Iterations(events).back().gradient_norm(), 1e-6) << optimizer;
  }
}

TEST_F(AttemptTest, SkippingEveryStepForEverIsDivergence) {
  for (const char* wrappers : {"wrappers { skip_nonfinite {} }",
                               "wrappers { clip_by_norm { max_norm { constant: 1 } } } "
                               "wrappers { skip_nonfinite {} }"}) {
    FakeDaemon daemon;
    WorkerProcess worker(daemon);
    daemon.WaitForHello(1);
    api::Spec spec;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
        absl::StrCat("objective { function { beale {} } } iterations: 5000 seed: 1 "
                     "on_non_finite: CONTINUE "
                     "optimizer { sgd { step_size { constant: 1e200 } } ",
                     wrappers, " }"),
        &spec));
    daemon.Send(StartOf(daemon, spec));
    const Events events = daemon.WaitForEvents(Ended);
    EXPECT_EQ(worker.Wait(), 0);
    const api::StateChanged& end = events.back().state_changed();
    EXPECT_EQ(end.state(), api::FAILED) << wrappers;
    EXPECT_EQ(end.error_reason(), "DIVERGED");
    EXPECT_NE(end.reason().find("so it stays"), std::string::npos) << end.reason();
    EXPECT_LT(Iterations(events).size(), 10u);
  }
}

TEST_F(AttemptTest, AStepSizeSetAtAnIterationFirstShowsInTheNext) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  v1::DaemonMessage start = StartOf(daemon_, SmallSpec(table_, 50));
  *start.mutable_start()->add_unresolved() =
      Request("set", "commands { set { path: 'lr' value: 0.5 } } at_iteration: 10");
  *start.mutable_start()->add_unresolved() =
      Request("scale", "commands { scale { path: 'step_size' factor: 0.5 } } at_iteration: 12");
  *start.mutable_start()->add_unresolved() =
      Request("release", "commands { release { path: 'adam.step_size' } } at_iteration: 20");
  daemon_.Send(start);
  const Events events = daemon_.WaitForEvents(Ended);
  const auto iterations = Iterations(events);
  const auto schedule = [](int k) { return 0.01 * (1 + std::cos(M_PI * k / 50)); };
  EXPECT_DOUBLE_EQ(iterations[10].step_size(), schedule(9));
  EXPECT_EQ(iterations[11].step_size(), 0.5);
  EXPECT_EQ(iterations[12].step_size(), 0.5);
  EXPECT_EQ(iterations[13].step_size(), 0.25);
  EXPECT_EQ(iterations[20].step_size(), 0.25);
  // The schedule kept counting.
  EXPECT_DOUBLE_EQ(iterations[21].step_size(), schedule(20));

  const Event* applied = Answer(events, "set");
  ASSERT_TRUE(applied && applied->has_command_applied());
  EXPECT_EQ(applied->command_applied().iteration(), 10);
  EXPECT_EQ(applied->command_applied().principal(), "tester");
  const api::Change& change = applied->command_applied().changes(0);
  EXPECT_EQ(change.path(), "optimizer.adam.step_size");
  EXPECT_DOUBLE_EQ(change.old_value(), schedule(10));
  EXPECT_EQ(change.new_value(), 0.5);
  EXPECT_TRUE(Answer(events, "release")->command_applied().changes(0).released());
}

TEST_F(AttemptTest, PausesResumesAndAppliesCommandsMeanwhile) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
  Events events = daemon_.WaitForEvents(Answered("pause-10"));
  EXPECT_EQ(events.back().state_changed().state(), api::PAUSED);  // in the same batch

  daemon_.Send(Command("again", "commands { pause {} }"));
  events = daemon_.WaitForEvents(Answered("again"));
  EXPECT_TRUE(events.back().has_command_applied());  // and no state change

  daemon_.Send(Command("set", "commands { set { path: 'step_size' value: 0.125 } }"));
  events = daemon_.WaitForEvents(Answered("set"));
  EXPECT_EQ(Answer(events, "set")->command_applied().iteration(), 10);
  EXPECT_EQ(Iterations(events).size(), 11u);

  daemon_.Send(Command("resume", "commands { resume {} }"));
  events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(Iterations(events)[11].step_size(), 0.125);
  const Event* resumed = Answer(events, "resume");
  EXPECT_EQ(resumed[1].state_changed().state(), api::RUNNING);
  EXPECT_EQ(resumed[1].state_changed().old_state(), api::PAUSED);
}

TEST_F(AttemptTest, ARequestIsAppliedOnceHoweverOftenItIsDelivered) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Answered("pause-10"));
  for (int i = 0; i < 3; ++i) {
    daemon_.Send(Command("half", "commands { scale { path: 'step_size' factor: 0.5 } }"));
  }
  daemon_.Send(Command("resume", "commands { resume {} }"));
  const Events events = daemon_.WaitForEvents(Ended);
  int answers = 0;
  for (const Event& event : events) {
    answers += event.has_command_applied() && event.command_applied().request_id() == "half";
  }
  EXPECT_EQ(answers, 1);
}

TEST_F(AttemptTest, StopsWithACheckpoint) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  v1::DaemonMessage start = StartOf(daemon_, SmallSpec(table_, 50));
  *start.mutable_start()->add_unresolved() =
      Request("stop", "commands { stop {} } at_iteration: 33");
  *start.mutable_start()->add_unresolved() =
      Request("late", "commands { pause {} } at_iteration: 40");
  daemon_.Send(start);
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_EQ(Iterations(events).size(), 34u);
  const Event* stop = Answer(events, "stop");
  EXPECT_EQ(stop[-1].checkpoint_saved().checkpoint(), "0-33");
  EXPECT_EQ(stop[-1].checkpoint_saved().request_id(), "stop");
  EXPECT_EQ(Answer(events, "late")->command_rejected().reason(), "RUN_ENDED");
  EXPECT_EQ(events.back().state_changed().state(), api::STOPPED);
  EXPECT_EQ(events.back().state_changed().iteration(), 33);
  EXPECT_EQ(events.back().state_changed().reason(), "Stopped by tester.");
}

TEST_F(AttemptTest, EvaluatesAndSavesOnRequestBeforeTheRequestTakesEffect) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Answered("pause-10"));
  daemon_.Send(Command("both",
                       "commands { set { path: 'step_size' value: 9 } } "
                       "commands { evaluate {} } commands { checkpoint {} }"));
  const Events events = daemon_.WaitForEvents(Answered("both"));
  const Event* applied = Answer(events, "both");
  EXPECT_EQ(applied->command_applied().commands_size(), 3);
  EXPECT_EQ(applied[-2].evaluation().request_id(), "both");
  EXPECT_EQ(applied[-1].checkpoint_saved().request_id(), "both");
  EXPECT_EQ(applied[-1].checkpoint_saved().iteration(), 10);
}

TEST_F(AttemptTest, RefusesBadCommandsAndChangesNothing) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Answered("pause-10"));
  const struct {
    const char* commands;
    const char* reason;
    const char* field;
  } kCases[] = {
      {"commands { set { path: 'step_size' value: -1 } }", "OUT_OF_RANGE", "commands[0].set.value"},
      {"commands { set { path: 'step_size' value: nan } }", "OUT_OF_RANGE",
       "commands[0].set.value"},
      {"commands { set { path: 'step_size' value: inf } }", "OUT_OF_RANGE",
       "commands[0].set.value"},
      {"commands { set { path: 'beta1' value: 1 } }", "OUT_OF_RANGE", "commands[0].set.value"},
      {"commands { scale { path: 'step_size' factor: -2 } }", "OUT_OF_RANGE",
       "commands[0].scale.factor"},
      {"commands { scale { path: 'beta2' factor: 2 } }", "OUT_OF_RANGE",
       "commands[0].scale.factor"},
      {"commands { set { path: 'stepsize' value: 1 } }", "UNKNOWN_DIAL", "commands[0].set.path"},
      {"commands { set { value: 1 } }", "MISSING_FIELD", "commands[0].set.path"},
      {"commands { set { path: 'step_size' } }", "MISSING_FIELD", "commands[0].set.value"},
      {"commands { }", "UNKNOWN_COMMAND", "commands[0]"},
      {"", "MISSING_FIELD", "commands"},
      {"commands { set { path: 'step_size' value: 3 } } commands { resume {} } "
       "commands { set { path: 'beta1' value: 2 } }",
       "OUT_OF_RANGE", "commands[2].set.value"},
      {"commands { pause {} } at_iteration: 9", "ITERATION_PASSED", "at_iteration"},
      {"commands { pause {} } at_iteration: 50", "RUN_ENDED", "at_iteration"},
      {"commands { set { path: 'step_size' value: 1e39 } }", "OUT_OF_RANGE",
       "commands[0].set.value"},
      {"commands { scale { path: 'step_size' factor: 1e300 } }", "OUT_OF_RANGE",
       "commands[0].scale.factor"},
  };
  for (size_t i = 0; i < std::size(kCases); ++i) {
    const std::string id = "bad-" + std::to_string(i);
    daemon_.Send(Command(id, kCases[i].commands));
    const Events events = daemon_.WaitForEvents(Answered(id));
    const Event* answer = Answer(events, id);
    ASSERT_TRUE(answer && answer->has_command_rejected()) << kCases[i].commands;
    EXPECT_EQ(answer->command_rejected().reason(), kCases[i].reason) << kCases[i].commands;
    EXPECT_EQ(answer->command_rejected().field(), kCases[i].field) << kCases[i].commands;
    EXPECT_NE(answer->command_rejected().message(), "");
  }
  daemon_.Send(Command("resume", "commands { resume {} }"));
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_DOUBLE_EQ(Iterations(events)[11].step_size(), 0.01 * (1 + std::cos(M_PI * 10 / 50)));
  EXPECT_NE(Answer(events, "bad-6")
                ->command_rejected()
                .message()
                .find("Did you mean `optimizer.adam.step_size`"),
            std::string::npos);
}

TEST_F(AttemptTest, CommandsThatComeTooLateAreRejectedAtTheEnd) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  v1::DaemonMessage start = StartOf(daemon_, SmallSpec(table_, 5));
  *start.mutable_start()->add_unresolved() =
      Request("late", "commands { pause {} } at_iteration: 5");
  daemon_.Send(start);
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(Answer(events, "late")->command_rejected().reason(), "RUN_ENDED");
}

TEST_F(AttemptTest, ChangedDataFailsTheJobNamingTheFile) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  v1::DaemonMessage start = StartOf(daemon_, SmallSpec(table_, 5));
  api::DataDigest* digest = start.mutable_start()->mutable_summary()->add_digests();
  digest->set_path(table_);
  digest->set_sha256(std::string(64, '0'));
  daemon_.Send(start);
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].state_changed().state(), api::FAILED);
  EXPECT_EQ(events[0].state_changed().error_reason(), "DATA_CHANGED");
  EXPECT_NE(events[0].state_changed().reason().find(table_ + " has changed"), std::string::npos);
}

TEST_F(AttemptTest, ChangedDataThatAreNoLongerValidHaveChangedAllTheSame) {
  std::ofstream(table_) << "a,b,c,label\nx,y,z,0\n";
  for (const bool changed : {false, true}) {
    WorkerProcess worker(daemon_);
    daemon_.WaitForHello(changed ? 2 : 1);
    v1::DaemonMessage start = StartOf(daemon_, SmallSpec(table_, 5));
    if (changed) {
      api::DataDigest* digest = start.mutable_start()->mutable_summary()->add_digests();
      digest->set_path(table_);
      digest->set_sha256(std::string(64, '0'));
    }
    daemon_.Send(start);
    daemon_.WaitForEvents(Ended);
    EXPECT_EQ(worker.Wait(), 0);
    const Events events = daemon_.NextAttempt();
    ASSERT_EQ(events.size(), 1u);
    const api::StateChanged& end = events[0].state_changed();
    EXPECT_EQ(end.error_reason(), changed ? "DATA_CHANGED" : "PREPARATION_FAILED");
    EXPECT_EQ(end.reason().find(table_ + " has changed") == 0, changed) << end.reason();
    EXPECT_NE(end.reason().find("is not a finite number"), std::string::npos) << end.reason();
  }
}

TEST_F(AttemptTest, LeavesWithACheckpoint) {
  for (const bool by_signal : {false, true}) {
    WorkerProcess worker(daemon_);
    daemon_.WaitForHello(by_signal ? 2 : 1);
    daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
    daemon_.WaitForEvents(Answered("pause-10"));
    if (by_signal) {
      worker.Signal(SIGTERM);
    } else {
      v1::DaemonMessage leave;
      leave.mutable_leave()->set_reason("test");
      daemon_.Send(leave);
    }
    EXPECT_EQ(worker.Wait(), 0);
    const Events events = daemon_.NextAttempt();
    ASSERT_TRUE(events.back().has_checkpoint_saved());
    EXPECT_EQ(events.back().checkpoint_saved().checkpoint(), "0-10");
  }
}

TEST_F(AttemptTest, AFencedWorkerEndsAtOnceAndWritesNothing) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Answered("pause-10"));
  v1::DaemonMessage fenced;
  fenced.mutable_fenced()->set_reason("test");
  daemon_.Send(fenced);
  EXPECT_EQ(worker.Wait(), 4);
  EXPECT_TRUE(std::filesystem::is_empty(daemon_.folder() + "/checkpoints"));
}

TEST_F(AttemptTest, SendsAgainWhatWasNotAcknowledged) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.set_acknowledge(false);
  daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Answered("pause-10"));
  daemon_.set_acknowledged(5);  // the rest was not durable yet
  daemon_.DropConnection();
  const v1::Hello hello = daemon_.WaitForHello(2);
  EXPECT_EQ(hello.role(), v1::Hello::RANK);
  EXPECT_EQ(hello.job(), "jobs/test");
  EXPECT_EQ(hello.attempt(), 1);
  EXPECT_EQ(hello.first_unacknowledged_sequence(), 1);
  daemon_.WaitForEvents(Answered("pause-10"));
  daemon_.set_acknowledge(true);
  daemon_.Send(Command("resume", "commands { resume {} }"));
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(Iterations(events).size(), 51u);
  EXPECT_EQ(worker.Wait(), 0);
}

TEST_F(AttemptTest, TrainsOnWithoutADaemonAndDeliversLater) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(StartOf(daemon_, SmallSpec(table_, 6'000)));
  daemon_.WaitForEvents(Reached(100));
  daemon_.Die();
  daemon_.Live();
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(Iterations(events).size(), 6'001u);
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_GE(daemon_.hellos(), 2);
}

TEST_F(AttemptTest, AnOrphanSavesACheckpointAndLeaves) {
  WorkerProcess worker(daemon_, {"--orphan_grace", "0.3"});
  daemon_.WaitForHello(1);
  daemon_.Send(PausedAt10(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Answered("pause-10"));
  daemon_.Die();
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_TRUE(std::filesystem::exists(daemon_.folder() + "/checkpoints/0-10.safetensors"));
}

// Runs attempt 2 on the same or another branch, from the checkpoint at 20 of a run with 50
// iterations.
class SecondAttemptTest : public AttemptTest {
 protected:
  void RunFirst(const std::function<void(v1::Start*)>& change) {
    WorkerProcess worker(daemon_);
    daemon_.WaitForHello(1);
    v1::DaemonMessage start = StartOf(daemon_, SmallSpec(table_, 50));
    change(start.mutable_start());
    daemon_.Send(start);
    daemon_.WaitForEvents(Reached(30));
    worker.Signal(SIGKILL);
    worker.Wait();
    first_ = daemon_.NextAttempt();
  }

  v1::DaemonMessage StartFrom20() {
    v1::DaemonMessage message = StartOf(daemon_, SmallSpec(table_, 50), 2);
    v1::Start* start = message.mutable_start();
    for (const Event& event : first_) {
      if (!event.has_checkpoint_saved() || event.checkpoint_saved().iteration() != 20) continue;
      start->set_checkpoint(event.checkpoint_saved().checkpoint());
      start->set_checkpoint_sha256(event.checkpoint_saved().sha256());
    }
    start->set_elapsed_seconds(100);
    return message;
  }

  Events first_;
};

TEST_F(SecondAttemptTest, ARunThatWasPausedIsPausedAgainAndSaysSoOnlyThere) {
  const auto pause = Request("pause", "commands { pause {} } at_iteration: 30");
  RunFirst([&](v1::Start* start) { *start->add_unresolved() = pause; });

  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(2);
  v1::DaemonMessage message = StartFrom20();
  message.mutable_start()->set_recompute_until(30);
  v1::Scripted* scripted = message.mutable_start()->add_script();
  *scripted->mutable_request() = pause;
  scripted->set_iteration(30);
  daemon_.Send(message);
  Events events = daemon_.WaitForEvents(
      [](const Events& e) { return !e.empty() && e.back().has_state_changed(); });
  EXPECT_EQ(Iterations(events).front().index(), 20);
  EXPECT_GE(Iterations(events).front().elapsed_seconds(), 100);
  EXPECT_EQ(Iterations(events).back().index(), 30);
  EXPECT_EQ(events.back().state_changed().state(), api::PAUSED);
  EXPECT_EQ(events.back().state_changed().old_state(), api::RECOVERING);
  for (size_t i = 0; i + 1 < events.size(); ++i) EXPECT_FALSE(events[i].has_state_changed());

  daemon_.Send(Command("resume", "commands { resume {} }"));
  EXPECT_EQ(daemon_.WaitForEvents(Ended).back().state_changed().state(), api::SUCCEEDED);
}

TEST_F(SecondAttemptTest, LiveCommandsWaitUntilTheRecomputingIsDone) {
  RunFirst([](v1::Start* start) {
    *start->add_unresolved() = Request("pause", "commands { pause {} } at_iteration: 30");
  });
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(2);
  v1::DaemonMessage message = StartFrom20();
  message.mutable_start()->set_recompute_until(30);
  *message.mutable_start()->add_unresolved() =
      Request("live", "commands { set { path: 'step_size' value: 0.5 } }");
  *message.mutable_start()->add_unresolved() =
      Request("passed", "commands { pause {} } at_iteration: 25");
  daemon_.Send(message);
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(Answer(events, "live")->command_applied().iteration(), 30);
  EXPECT_EQ(Answer(events, "passed")->command_rejected().reason(), "ITERATION_PASSED");
}

TEST_F(SecondAttemptTest, ANewBranchAppliesPeoplesCommandsAgain) {
  RunFirst([](v1::Start* start) {
    *start->add_unresolved() = Request("pause", "commands { pause {} } at_iteration: 30");
  });
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(2);
  v1::DaemonMessage message = StartFrom20();
  message.mutable_start()->set_branch(1);
  message.mutable_start()->set_recompute_until(20);
  v1::Scripted* scripted = message.mutable_start()->add_script();
  *scripted->mutable_request() =
      Request("set", "commands { set { path: 'step_size' value: 0.5 } }");
  scripted->set_iteration(25);
  scripted->set_reapplied_from(77);
  daemon_.Send(message);
  const Events events = daemon_.WaitForEvents(Ended);
  const auto applied = Answer(events, "set")->command_applied();
  EXPECT_EQ(applied.iteration(), 25);
  EXPECT_EQ(applied.reapplied_from(), 77);
  EXPECT_EQ(Iterations(events)[6].index(), 26);
  EXPECT_EQ(Iterations(events)[6].step_size(), 0.5);
  EXPECT_EQ(LastCheckpoint(events).checkpoint(), "1-50");
  for (const Event& event : events) EXPECT_EQ(event.branch(), 1);
}

TEST_F(SecondAttemptTest, ADamagedCheckpointEndsTheAttemptNamingTheFile) {
  RunFirst([](v1::Start*) {});
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(2);
  v1::DaemonMessage message = StartFrom20();
  const std::string path = daemon_.folder() + "/checkpoints/0-20.safetensors";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  daemon_.Send(message);
  // The job is not what failed: an older checkpoint may be whole.
  EXPECT_NE(worker.Wait(), 0);
  const Events events =
      daemon_.WaitForEvents([](const Events& all) { return all.back().has_notice(); });
  EXPECT_NE(events.back().notice().message().find(path), std::string::npos);
  EXPECT_TRUE(std::none_of(events.begin(), events.end(),
                           [](const Event& event) { return event.has_state_changed(); }));
}

// The second step makes scores that are beyond the largest number. No unit can die before.
api::Spec Diverging(const std::string& table, int64_t iterations = 50) {
  api::Spec spec = SmallSpec(table, iterations, "sgd { step_size { constant: 1e15 } }");
  spec.mutable_model()->mutable_sequential()->mutable_layers()->DeleteSubrange(1, 1);
  spec.mutable_checkpoints()->set_every_iterations(1);
  spec.set_on_non_finite(api::Spec::STOP);
  return spec;
}

TEST_F(AttemptTest, ADivergedRunFailsAtItsLastFiniteCheckpoint) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(StartOf(daemon_, Diverging(table_)));
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  const api::StateChanged& end = events.back().state_changed();
  EXPECT_EQ(end.state(), api::FAILED);
  EXPECT_EQ(end.error_reason(), "DIVERGED");
  const auto iterations = Iterations(events);
  EXPECT_EQ(end.iteration(), iterations.back().index());
  EXPECT_GT(end.iteration(), 1);
  EXPECT_LT(end.iteration(), 50);
  EXPECT_THAT(end.reason(),
              testing::HasSubstr(absl::StrCat("Diverged at iteration ", end.iteration(), ": ")));
  // It is the first layer on the way back, not the first of the model.
  EXPECT_THAT(end.reason(), testing::HasSubstr("first that of 1.bias, then 1.weight"));
  for (const api::Iteration& iteration : iterations) {
    EXPECT_EQ(std::isfinite(iteration.value()) && std::isfinite(iteration.gradient_norm()),
              iteration.index() < end.iteration());
  }
  EXPECT_EQ(LastCheckpoint(events).iteration(), end.iteration() - 1);

  // Computed again from there, it ends in the same event.
  daemon_.NextAttempt();
  WorkerProcess second(daemon_);
  daemon_.WaitForHello(2);
  v1::DaemonMessage start = StartOf(daemon_, Diverging(table_), 2);
  start.mutable_start()->set_recompute_until(end.iteration());
  start.mutable_start()->set_checkpoint(LastCheckpoint(events).checkpoint());
  start.mutable_start()->set_checkpoint_sha256(LastCheckpoint(events).sha256());
  daemon_.Send(start);
  const Events again = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(again.back().state_changed().reason(), end.reason());
  EXPECT_EQ(again.back().state_changed().iteration(), end.iteration());
  EXPECT_EQ(again.back().state_changed().error_reason(), "DIVERGED");
}

// So does a job whose journal is from before there was a choice.
TEST_F(AttemptTest, ADivergedRunGoesOnIfTheSpecSaysSo) {
  for (const bool said : {true, false}) {
    FakeDaemon daemon;
    WorkerProcess worker(daemon);
    daemon.WaitForHello(1);
    api::Spec spec = Diverging(table_);
    spec.set_on_non_finite(api::Spec::CONTINUE);
    if (!said) spec.clear_on_non_finite();
    daemon.Send(StartOf(daemon, spec));
    const Events events = daemon.WaitForEvents(Ended);
    EXPECT_EQ(events.back().state_changed().state(), api::SUCCEEDED);
    EXPECT_THAT(events.back().state_changed().reason(),
                testing::HasSubstr("not finite at the end: the value is nan"));
    EXPECT_EQ(Iterations(events).size(), 51u);
    int notices = 0;
    for (const Event& event : events) notices += event.has_notice();
    EXPECT_EQ(notices, 1);
  }
}

// The loss is beyond the largest number, its gradient is not.
TEST_F(AttemptTest, AStartingPointThatIsNotFiniteFails) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  std::ofstream file(daemon_.folder() + "/large.csv");
  file << "a,label\n1,1e25\n2,3e25\n";
  file.close();
  api::Spec spec =
      SmallSpec(daemon_.folder() + "/large.csv", 5, "sgd { step_size { constant: 0 } }");
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString("linear { out_features: 1 }",
                                                            spec.mutable_model()));
  spec.mutable_objective()->mutable_mean_squared_error();
  spec.mutable_data()->set_batch_size(2);
  spec.set_on_non_finite(api::Spec::STOP);
  daemon_.Send(StartOf(daemon_, spec));
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_THAT(
      events.back().state_changed().reason(),
      testing::HasSubstr(
          "starting point, iteration 0: the value is inf, though every gradient is finite"));
  EXPECT_EQ(LastCheckpoint(events).checkpoint(), "");
}

// The run is in memory alone: people make room, and it ends as if nothing had been.
TEST_F(AttemptTest, TheLastCheckpointIsWaitedFor) {
  const std::string folder = daemon_.folder() + "/checkpoints";
  std::ofstream(folder) << "in the way";
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(StartOf(daemon_, SmallSpec(table_, 50)));
  const auto waits = [](const Events& events) {
    return !events.empty() &&
           absl::StrContains(events.back().notice().message(), "The run waits, and ends");
  };
  EXPECT_TRUE(Reached(50)(daemon_.WaitForEvents(waits)));
  daemon_.Send(Command("late", "commands { set { path: 'step_size' value: 1 } }"));
  const Events refused = daemon_.WaitForEvents(Answered("late"));
  EXPECT_EQ(Answer(refused, "late")->command_rejected().reason(), "RUN_ENDED");
  EXPECT_THAT(Answer(refused, "late")->command_rejected().message(),
              testing::HasSubstr("waits at its end"));
  std::filesystem::remove(folder);
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_EQ(events.back().state_changed().state(), api::SUCCEEDED);
  EXPECT_EQ(LastCheckpoint(events).checkpoint(), "0-50");
  EXPECT_TRUE(std::filesystem::exists(folder + "/0-50.safetensors"));
}

// A small run's checkpoints are due many times a second, and journals keep notices for ever.
TEST_F(AttemptTest, OfCheckpointsThatAreMissedTheFirstIsToldAndThenHowMany) {
  const std::string folder = daemon_.folder() + "/checkpoints";
  std::ofstream(folder) << "in the way";
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  api::Spec spec = SmallSpec(table_, 1'000'000);
  spec.mutable_checkpoints()->set_every_iterations(1);
  daemon_.Send(StartOf(daemon_, spec));
  daemon_.WaitForEvents(Reached(5));
  std::filesystem::remove(folder);
  std::filesystem::create_directory(folder);
  daemon_.WaitForEvents(
      [](const Events& all) { return !LastCheckpoint(all).checkpoint().empty(); });
  daemon_.Send(Command("end", "commands { stop {} }"));
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  std::vector<std::string> notices;
  int64_t first_saved = 0;
  for (const Event& event : events) {
    if (event.has_notice()) notices.push_back(event.notice().message());
    if (event.has_checkpoint_saved() && first_saved == 0) {
      first_saved = event.checkpoint_saved().iteration();
      ASSERT_EQ(notices.size(), 2u);  // both before it
    }
  }
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_THAT(notices[0], testing::HasSubstr("0-1.safetensors"));
  EXPECT_EQ(notices[1], absl::StrCat("Before this checkpoint ", first_saved - 1,
                                     " that were due could not be saved."));
}

// A stop that was refused for want of room could not be had at all.
TEST_F(AttemptTest, AStopWaitsForItsCheckpoint) {
  const std::string folder = daemon_.folder() + "/checkpoints";
  std::ofstream(folder) << "in the way";
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  api::Spec spec = SmallSpec(table_, 1'000'000);
  spec.mutable_checkpoints()->set_every_iterations(1'000'000);
  daemon_.Send(StartOf(daemon_, spec));
  daemon_.WaitForEvents(Reached(5));
  daemon_.Send(Command("end", "commands { stop {} }"));
  const Events waiting = daemon_.WaitForEvents([](const Events& events) {
    return !events.empty() &&
           absl::StrContains(events.back().notice().message(), "The run waits, and ends");
  });
  EXPECT_TRUE(waiting.back().notice().waits());
  EXPECT_EQ(Answer(waiting, "end"), nullptr);
  std::filesystem::remove(folder);
  const Events events = daemon_.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_EQ(events.back().state_changed().state(), api::STOPPED);
  EXPECT_TRUE(Answer(events, "end")->has_command_applied());
  EXPECT_EQ(LastCheckpoint(events).iteration(), Iterations(events).back().index());
  EXPECT_EQ(LastCheckpoint(events).request_id(), "end");
}

TEST_F(AttemptTest, WhoWaitsForItsLastCheckpointMayBeAskedToLeave) {
  std::ofstream(daemon_.folder() + "/checkpoints") << "in the way";
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Send(StartOf(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents([](const Events& events) {
    return !events.empty() &&
           absl::StrContains(events.back().notice().message(), "The run waits, and ends");
  });
  v1::DaemonMessage leave;
  leave.mutable_leave()->set_reason("test");
  daemon_.Send(leave);
  EXPECT_EQ(worker.Wait(), 0);
}

// A link leads out of the job's folder.
v1::DaemonMessage StartWithLink(const FakeDaemon& daemon, const api::Spec& spec) {
  const std::string job = daemon.folder() + "/job";
  std::filesystem::create_directory(job);
  std::filesystem::create_directory(daemon.folder() + "/elsewhere");
  std::filesystem::create_directory_symlink(daemon.folder() + "/elsewhere", job + "/checkpoints");
  v1::DaemonMessage start = StartOf(daemon, spec);
  start.mutable_start()->set_checkpoint_dir(job + "/checkpoints");
  return start;
}

TEST_F(AttemptTest, WritesInItsJobsFolderAlone) {
  WorkerProcess worker(daemon_);
  const v1::Hello hello = daemon_.WaitForHello(1);
  EXPECT_TRUE(hello.confinement().no_new_privileges());
  if (!hello.confinement().filesystem()) GTEST_SKIP() << "this kernel has no Landlock";
  daemon_.Send(StartWithLink(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents([](const Events& events) {
    return std::any_of(events.begin(), events.end(), [](const Event& event) {
      return absl::StrContains(event.notice().message(), "Permission denied");
    });
  });
  EXPECT_TRUE(std::filesystem::is_empty(daemon_.folder() + "/elsewhere"));
}

TEST_F(AttemptTest, WritesWhereLinksLeadIfItsFilesAreOpen) {
  WorkerProcess worker(daemon_, {"--files", "open"});
  EXPECT_FALSE(daemon_.WaitForHello(1).confinement().filesystem());
  daemon_.Send(StartWithLink(daemon_, SmallSpec(table_, 50)));
  daemon_.WaitForEvents(Ended);
  EXPECT_FALSE(std::filesystem::is_empty(daemon_.folder() + "/elsewhere"));
}

}  // namespace
}  // namespace descent::worker
