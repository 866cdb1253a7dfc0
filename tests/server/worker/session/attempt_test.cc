// Runs a real descent-worker against a fake daemon: how an attempt goes, and what ends it.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/worker/session/attempt_fixture.h"
#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

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

}  // namespace
}  // namespace descent::worker
