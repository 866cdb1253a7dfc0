#include "server/daemon/jobs/attempt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

class AttemptTest : public testing::Test {
 protected:
  static WorkerPtr NewWorker(int64_t pid) {
    return std::make_shared<Worker>(std::to_string(pid), ProcessId{pid, 1}, WorkerKind::kLayers);
  }
  v1::Event AttemptStarted(int32_t number) {
    v1::Event event;
    event.set_revision(++revision_);
    event.set_attempt(number);
    event.mutable_attempt_started()->set_checkpoint("0-4");
    return event;
  }
  v1::Event State(v1::JobState state, int32_t attempt) {
    v1::Event event;
    event.set_revision(++revision_);
    event.set_attempt(attempt);
    event.mutable_state_changed()->set_state(state);
    return event;
  }
  // Begins at its base, iteration 4, with the journal's head where it is said to be.
  void Begin(const WorkerPtr& worker, int64_t head_iteration) {
    attempt_.Prepare(worker);
    attempt_.Start({.checkpoint = "0-4", .iteration = 4}, head_iteration);
    attempt_.Apply(AttemptStarted(attempt_.number()));
    EXPECT_TRUE(attempt_.GoLive(attempt_.number()));
  }
  void Take(int events) {
    for (int i = 0; i < events; ++i) attempt_.TakeEvent();
  }

  TestClock clock_;
  int64_t revision_ = 0;
  const WorkerPtr worker_ = NewWorker(1);
  const WorkerPtr other_ = NewWorker(2);
  Attempt attempt_{&clock_};
};

TEST_F(AttemptTest, GoesThroughItsLife) {
  EXPECT_TRUE(attempt_.is_idle());
  EXPECT_FALSE(attempt_.IsOf(nullptr));
  attempt_.Prepare(worker_);
  EXPECT_TRUE(attempt_.is_preparing());
  EXPECT_TRUE(attempt_.IsOf(worker_));
  EXPECT_FALSE(attempt_.IsOf(other_));
  attempt_.Start({.checkpoint = "0-4", .iteration = 4}, 9);
  EXPECT_EQ(attempt_.phase(), Attempt::Phase::kStarting);
  EXPECT_EQ(attempt_.number(), 1);
  EXPECT_FALSE(attempt_.StartAgain());  // Start follows by itself
  EXPECT_FALSE(attempt_.GoLive(2));
  EXPECT_TRUE(attempt_.GoLive(1));
  EXPECT_TRUE(attempt_.is_live());
  EXPECT_TRUE(attempt_.StartAgain());
  attempt_.End();
  EXPECT_TRUE(attempt_.is_idle());
  EXPECT_FALSE(attempt_.IsOf(worker_));
  EXPECT_FALSE(attempt_.GoLive(1));  // its AttemptStarted was late
}

TEST_F(AttemptTest, IsNumberedAfterTheNewestThatWasJournaled) {
  attempt_.Apply(AttemptStarted(7));
  attempt_.Prepare(worker_);
  attempt_.Start({}, -1);
  EXPECT_EQ(attempt_.number(), 8);
  EXPECT_EQ(attempt_.newest().number, 7);
}

TEST_F(AttemptTest, ReComputesFromItsBaseToTheHead) {
  Begin(worker_, 9);
  EXPECT_TRUE(attempt_.is_recomputing());
  EXPECT_TRUE(attempt_.is_comparing());
  EXPECT_EQ(attempt_.recompute_until(), 9);
  attempt_.TakeNewIteration();
  EXPECT_FALSE(attempt_.is_recomputing());
  EXPECT_FALSE(attempt_.is_comparing());
  attempt_.End();
  Begin(worker_, 4);  // from the head: its evaluation may come again
  EXPECT_FALSE(attempt_.is_recomputing());
  EXPECT_TRUE(attempt_.is_comparing());
}

TEST_F(AttemptTest, WhatIsToldOfItsWorkerWaitsWhileItIsPrepared) {
  int told = 0;
  const auto tell = [&] { ++told; };
  EXPECT_FALSE(attempt_.Postpone(worker_, tell));
  attempt_.Prepare(worker_);
  EXPECT_TRUE(attempt_.Postpone(worker_, tell));
  EXPECT_FALSE(attempt_.Postpone(other_, tell));
  attempt_.Start({}, -1);
  EXPECT_FALSE(attempt_.Postpone(worker_, tell));
  EXPECT_EQ(told, 0);
  for (const auto& later : attempt_.TakePostponed()) later();
  EXPECT_EQ(told, 1);
  EXPECT_THAT(attempt_.TakePostponed(), IsEmpty());
}

TEST_F(AttemptTest, WhatIsToldOfItsWorkerWaitsWhileABatchIsCompared) {
  Begin(worker_, 4);
  attempt_.BeginComparison();
  attempt_.BeginComparison();
  EXPECT_TRUE(attempt_.Postpone(worker_, [] {}));
  EXPECT_FALSE(attempt_.Postpone(other_, [] {}));
  attempt_.EndComparison();
  EXPECT_THAT(attempt_.TakePostponed(), SizeIs(1));
  EXPECT_TRUE(attempt_.Postpone(worker_, [] {}));  // the second one is still under way
  attempt_.EndComparison();
  EXPECT_THAT(attempt_.TakePostponed(), SizeIs(1));
  EXPECT_FALSE(attempt_.Postpone(worker_, [] {}));
}

TEST_F(AttemptTest, AWorkerComesBackToItsOwnAttemptAlone) {
  worker::v1::Hello hello;
  hello.set_attempt(1);
  hello.set_first_unacknowledged_sequence(4);
  EXPECT_FALSE(attempt_.Reconnect(worker_, hello));
  Begin(worker_, -1);
  EXPECT_FALSE(attempt_.Reconnect(other_, hello));
  EXPECT_TRUE(attempt_.Reconnect(worker_, hello));
  // What is before was acknowledged.
  EXPECT_EQ(attempt_.taken_sequence(), 3);
  EXPECT_EQ(attempt_.durable_sequence(), 3);
  hello.set_attempt(2);
  EXPECT_FALSE(attempt_.Reconnect(worker_, hello));
}

TEST_F(AttemptTest, AnAwaitedOneGoesOnWhereTheJournalEnds) {
  attempt_.Apply(AttemptStarted(3));
  v1::Event event;
  event.set_revision(++revision_);
  event.set_attempt(3);
  event.set_sequence(12);
  event.mutable_iteration();
  attempt_.Apply(event);
  attempt_.Await(worker_, {.checkpoint = "0-4", .iteration = 4}, 9, revision_);
  EXPECT_EQ(attempt_.phase(), Attempt::Phase::kAwaited);
  EXPECT_EQ(attempt_.number(), 3);
  EXPECT_EQ(attempt_.taken_sequence(), 12);
  EXPECT_FALSE(attempt_.is_comparing());  // it computed something new
  worker::v1::Hello hello;
  hello.set_attempt(3);
  hello.set_first_unacknowledged_sequence(11);
  EXPECT_TRUE(attempt_.Reconnect(other_, hello));  // whoever says so: it stood for a process
  EXPECT_TRUE(attempt_.IsOf(other_));
  EXPECT_EQ(attempt_.taken_sequence(), 12);
}

TEST_F(AttemptTest, AnAwaitedOneWithoutANewIterationIsCompared) {
  attempt_.Apply(AttemptStarted(3));
  attempt_.Await(worker_, {.checkpoint = "0-4", .iteration = 4}, 9, revision_ - 1);
  EXPECT_TRUE(attempt_.is_recomputing());
  EXPECT_TRUE(attempt_.is_comparing());
}

TEST_F(AttemptTest, AttemptsWithoutANewIterationAreCounted) {
  attempt_.Apply(AttemptStarted(1));
  const int64_t iteration = ++revision_;
  for (const int32_t number : {2, 3}) attempt_.Apply(AttemptStarted(number));
  EXPECT_EQ(attempt_.CountFruitless(/*head_iteration=*/0, iteration), 2);
  // One that came to wait for people is none.
  attempt_.Apply(State(v1::PAUSED, 3));
  EXPECT_EQ(attempt_.CountFruitless(/*head_iteration=*/0, iteration), 1);
  attempt_.Apply(AttemptStarted(4));
  attempt_.Apply(State(v1::PAUSED, 3));  // another's
  EXPECT_EQ(attempt_.CountFruitless(/*head_iteration=*/0, iteration), 2);
  v1::Event rewound;
  rewound.mutable_rewound();
  attempt_.Apply(rewound);
  EXPECT_EQ(attempt_.CountFruitless(/*head_iteration=*/0, iteration), 0);
  attempt_.Apply(AttemptStarted(5));
  attempt_.Apply(State(v1::QUEUED, 5));  // the daemon was stopped
  EXPECT_EQ(attempt_.CountFruitless(/*head_iteration=*/0, iteration), 0);
}

// It is no progress to compute from a checkpoint to where it was before.
TEST_F(AttemptTest, AfterARestartOnlyWhatCameFurtherIsNew) {
  attempt_.Apply(AttemptStarted(1));
  v1::Event rewound;
  rewound.mutable_rewound()->set_cause(v1::Rewound::RESTARTED);
  rewound.mutable_rewound()->set_from_iteration(5);
  attempt_.Apply(rewound);
  attempt_.Apply(AttemptStarted(2));
  EXPECT_EQ(attempt_.CountFruitless(/*head_iteration=*/5, ++revision_), 1);
  rewound.mutable_rewound()->set_from_iteration(3);
  attempt_.Apply(rewound);
  attempt_.Apply(AttemptStarted(3));
  EXPECT_EQ(attempt_.CountFruitless(/*head_iteration=*/4, ++revision_), 2);
  EXPECT_EQ(attempt_.CountFruitless(/*head_iteration=*/6, ++revision_), 0);
  rewound.mutable_rewound()->set_from_iteration(6);
  attempt_.Apply(AttemptStarted(4));
  attempt_.Apply(rewound);
  EXPECT_EQ(attempt_.CountFruitless(/*head_iteration=*/6, ++revision_), 0);
}

TEST_F(AttemptTest, AStreamOfIterationsIsAcknowledgedNowAndThen) {
  Begin(worker_, -1);
  Take(3);
  EXPECT_THAT(attempt_.Acknowledge(2, false, /*at_once=*/false), Optional(2));
  clock_.Advance(5'000'000);
  EXPECT_EQ(attempt_.Acknowledge(3, false, false), std::nullopt);
  clock_.Advance(5'000'000);
  Take(2);
  EXPECT_THAT(attempt_.Acknowledge(4, false, false), Optional(4));
  EXPECT_EQ(attempt_.Acknowledge(4, false, true), std::nullopt);  // it was told
  EXPECT_THAT(attempt_.Acknowledge(4, /*all_landed=*/true, true), Optional(5));
  Take(4096);
  EXPECT_THAT(attempt_.Acknowledge(5 + 4096, false, false), Optional(5 + 4096));
}

TEST_F(AttemptTest, WhoAsksIsAcknowledgedAtOnceAndWhenTheRestHasLanded) {
  Begin(worker_, -1);
  Take(3);
  EXPECT_THAT(attempt_.Acknowledge(1, false, false), Optional(1));
  EXPECT_EQ(attempt_.Acknowledge(2, false, false), std::nullopt);
  EXPECT_THAT(attempt_.AskAcknowledgement(/*all_landed=*/false), Optional(2));
  EXPECT_THAT(attempt_.Acknowledge(3, /*all_landed=*/true, false), Optional(3));
  Take(1);
  EXPECT_EQ(attempt_.Acknowledge(4, /*all_landed=*/true, false), std::nullopt);
}

TEST_F(AttemptTest, AnIdleOneTellsNobody) {
  Begin(worker_, -1);
  Take(3);
  attempt_.End();
  EXPECT_EQ(attempt_.Acknowledge(3, true, true), std::nullopt);
  attempt_.Fence("for nobody");
  EXPECT_FALSE(worker_->fenced());
  Begin(worker_, -1);
  EXPECT_EQ(attempt_.taken_sequence(), 0);  // numbered by its worker, from 1
  attempt_.Fence("for its worker");
  EXPECT_TRUE(worker_->fenced());
}

}  // namespace
}  // namespace descent::daemon
