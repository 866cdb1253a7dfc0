// What a real descent-worker does where numbers are no longer finite.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/worker/session/attempt_fixture.h"
#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

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

}  // namespace
}  // namespace descent::worker
