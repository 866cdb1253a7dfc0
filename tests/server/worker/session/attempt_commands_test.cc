// Commands to a real descent-worker: when each is in force, and which are refused.

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/server/worker/session/attempt_fixture.h"
#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

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

}  // namespace
}  // namespace descent::worker
