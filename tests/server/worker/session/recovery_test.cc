// Kills workers with SIGKILL and replaces them, against a fake daemon that keeps the journal: the
// run ends bit for bit as an undisturbed one.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

namespace api = ::descent::v1;

constexpr int64_t kIterations = 3000;

struct Journal {
  std::map<int64_t, std::string> iterations;  // without times, serialized
  std::map<int64_t, std::string> evaluations;
  std::vector<api::CommandApplied> applied;
  std::map<std::string, api::CommandAccepted> requests;
  api::CheckpointSaved checkpoint;  // the newest
  int64_t head = -1;
  bool ended = false;
};

std::vector<api::CommandAccepted> Requests() {
  return {Request("set", "commands { set { path: 'step_size' value: 0.004 } } at_iteration: 500"),
          Request("stay", "commands { pause {} } commands { resume {} } at_iteration: 700"),
          Request("scale",
                  "commands { scale { path: 'step_size' factor: 0.7 } } "
                  "commands { evaluate {} } at_iteration: 1001"),
          Request("save",
                  "commands { checkpoint {} } commands { release { path: 'step_size' } } "
                  "at_iteration: 1500")};
}

// Folds one attempt's events into the journal: what is there already must be the same.
void Fold(const Events& events, Journal* run) {
  for (const Event& event : events) {
    if (event.has_iteration()) {
      api::Iteration iteration = event.iteration();
      iteration.clear_elapsed_seconds();
      const auto [place, added] =
          run->iterations.emplace(iteration.index(), iteration.SerializeAsString());
      EXPECT_EQ(place->second, iteration.SerializeAsString()) << iteration.index();
      if (added) {
        EXPECT_EQ(iteration.index(), run->head + 1);
      }
      run->head = std::max(run->head, iteration.index());
    } else if (event.has_evaluation()) {
      api::Evaluated evaluation = event.evaluation();
      evaluation.clear_seconds();
      const auto place =
          run->evaluations.emplace(evaluation.iteration(), evaluation.SerializeAsString()).first;
      if (evaluation.request_id().empty()) {
        EXPECT_EQ(place->second, evaluation.SerializeAsString());
      }
    } else if (event.has_command_applied()) {
      const api::CommandApplied& applied = event.command_applied();
      const auto same = [&](const auto& a) { return a.request_id() == applied.request_id(); };
      const auto known = std::find_if(run->applied.begin(), run->applied.end(), same);
      if (known == run->applied.end()) {
        run->applied.push_back(applied);
      } else {
        EXPECT_EQ(known->SerializeAsString(), applied.SerializeAsString());
      }
    } else if (event.has_checkpoint_saved() &&
               event.checkpoint_saved().iteration() >= run->checkpoint.iteration()) {
      run->checkpoint = event.checkpoint_saved();
    } else if (IsFinal(event)) {
      EXPECT_EQ(event.state_changed().state(), api::SUCCEEDED) << event.state_changed().reason();
      run->ended = true;
    }
  }
}

v1::DaemonMessage NextStart(const FakeDaemon& daemon, const api::Spec& spec, const Journal& run,
                            int attempt, const std::string& checkpoints) {
  v1::DaemonMessage message = StartOf(daemon, spec, attempt);
  v1::Start* start = message.mutable_start();
  start->set_checkpoint_dir(daemon.folder() + "/" + checkpoints);
  start->set_checkpoint(run.checkpoint.checkpoint());
  start->set_checkpoint_sha256(run.checkpoint.sha256());
  start->set_recompute_until(run.head);
  const int64_t from = run.checkpoint.checkpoint().empty() ? -1 : run.checkpoint.iteration();
  for (const api::CommandAccepted& request : Requests()) {
    const auto applied = std::find_if(run.applied.begin(), run.applied.end(), [&](const auto& a) {
      return a.request_id() == request.request_id();
    });
    if (applied == run.applied.end()) {
      *start->add_unresolved() = request;
    } else if (applied->iteration() >= from) {
      v1::Scripted* scripted = start->add_script();
      *scripted->mutable_request() = request;
      scripted->set_iteration(applied->iteration());
    }
  }
  return message;
}

class RecoveryTest : public ::testing::TestWithParam<const char*> {};

TEST_P(RecoveryTest, AKilledRunEndsBitForBitAsAnUndisturbedOne) {
  FakeDaemon daemon;
  api::Spec spec = SmallSpec(WriteTable(daemon.folder(), 100), kIterations, GetParam());
  spec.mutable_checkpoints()->set_every_iterations(170);
  Journal undisturbed;
  {
    WorkerProcess worker(daemon);
    daemon.WaitForHello(1);
    daemon.Send(NextStart(daemon, spec, undisturbed, 1, "undisturbed"));
    Fold(daemon.WaitForEvents(Ended), &undisturbed);
    EXPECT_EQ(worker.Wait(), 0);
    daemon.NextAttempt();
    ASSERT_EQ(undisturbed.applied.size(), 4u);
  }

  std::mt19937 random(42);
  Journal run;
  int attempt = 1;
  for (; !run.ended && attempt < 100; ++attempt) {
    WorkerProcess worker(daemon);
    daemon.WaitForHello(attempt + 1);
    daemon.Send(NextStart(daemon, spec, run, attempt, "killed"));
    const int64_t kill_at = run.head + std::uniform_int_distribution<int64_t>(1, 600)(random);
    daemon.WaitForEvents(
        [&](const Events& events) { return Ended(events) || Reached(kill_at)(events); });
    worker.Signal(SIGKILL);
    worker.Wait();
    Fold(daemon.NextAttempt(), &run);
  }
  EXPECT_GT(attempt, 2) << "nothing was killed";
  EXPECT_TRUE(run.ended);
  EXPECT_EQ(run.iterations.size(), static_cast<size_t>(kIterations + 1));
  for (int64_t k = 0; k <= kIterations; ++k) {
    ASSERT_EQ(run.iterations[k], undisturbed.iterations[k]) << k;
  }
  EXPECT_EQ(run.evaluations, undisturbed.evaluations);
  ASSERT_EQ(run.applied.size(), undisturbed.applied.size());
  // Parameters, optimizer state and dials are all that the file holds.
  EXPECT_EQ(run.checkpoint.iteration(), kIterations);
  EXPECT_EQ(run.checkpoint.sha256(), undisturbed.checkpoint.sha256());
}

INSTANTIATE_TEST_SUITE_P(Optimizers, RecoveryTest,
                         ::testing::Values("adam { step_size { cosine { initial: 0.02 } } }",
                                           "gradient_descent { step_size { constant: 0.1 } }",
                                           "heavy_ball { step_size { constant: 0.01 } }",
                                           "nesterov { step_size { cosine { initial: 0.05 } } }"));

}  // namespace
}  // namespace descent::worker
