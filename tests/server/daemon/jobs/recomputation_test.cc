#include "server/daemon/jobs/recomputation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;
using testing::Optional;

// Has a journal of iterations 0 to 5, of which a rewind left 3 to 5 behind, and 3 to 8 of branch 1.
class RecomputationTest : public testing::Test {
 protected:
  RecomputationTest() {
    journal_ = *Journal::Open({.path = folder_.File("descent.db"), .clock = &clock_});
    std::vector<PendingEvent> events;
    events.push_back(MakeCreated());
    job_ = *journal_->CreateJob("a", std::move(events), v1::Job());
    EXPECT_TRUE(AppendAndWait(*job_, MakeIterations(0, 6)).ok());
    EXPECT_TRUE(AppendAndWait(*job_, MakeIterations(3, 6, /*branch=*/1)).ok());
    lineage_.Rewind(2, 1);
  }

  static std::string Iteration(int64_t index, double value) {
    v1::Event event;
    event.ParseFromString(MakeIteration(index).bytes);
    event.mutable_iteration()->set_value(value);
    event.mutable_iteration()->set_elapsed_seconds(1e6);  // time is no difference
    return event.SerializeAsString();
  }
  static std::string Same(int64_t index) {
    return Iteration(index, 1.0 / static_cast<double>(index + 1));
  }
  static v1::Event Evaluation(double loss) {
    v1::Event event;
    event.set_branch(1);
    event.mutable_evaluation()->set_iteration(4);
    event.mutable_evaluation()->set_dataset("test");
    v1::Metric& metric = *event.mutable_evaluation()->add_metrics();
    metric.set_name("loss");
    metric.set_value(loss);
    return event;
  }
  Recomputation Read(const std::vector<std::string>& events, Recomputation before = {}) {
    worker::v1::EventBatch batch;
    for (const std::string& event : events) batch.add_events(event);
    return Recomputation::Read(*job_, lineage_, /*head_iteration=*/8, batch, std::move(before));
  }

  TestFolder folder_;
  TestClock clock_;
  std::unique_ptr<Journal> journal_;
  std::shared_ptr<JobJournal> job_;
  Lineage lineage_;
};

TEST_F(RecomputationTest, IterationsAreComparedBitForBitWithoutTimes) {
  const Recomputation read = Read({Same(1), Same(4), Same(9)});
  EXPECT_THAT(read.CompareIteration(1, Same(1)), Optional(std::string()));
  EXPECT_THAT(read.CompareIteration(4, Same(4)), Optional(std::string()));
  EXPECT_THAT(read.CompareIteration(4, Iteration(4, 0.5)),
              Optional(HasSubstr("iteration 4: value")));
  EXPECT_EQ(read.CompareIteration(9, Same(9)), std::nullopt);  // new
}

TEST_F(RecomputationTest, WhatWasReadForABatchServesTheNext) {
  Recomputation read = Read({Same(3)});
  read = Read({Same(5)}, std::move(read));
  EXPECT_TRUE(read.CompareIteration(8, Same(8)).has_value());   // of the same row
  EXPECT_FALSE(read.CompareIteration(4, Same(4)).has_value());  // behind
}

TEST_F(RecomputationTest, EvaluationsAreComparedWithThoseOfThePresentHistory) {
  std::vector<PendingEvent> events;
  events.push_back(ToPending(Evaluation(0.5)));
  EXPECT_TRUE(AppendAndWait(*job_, std::move(events)).ok());
  const Recomputation read = Read({Evaluation(0.5).SerializeAsString()});
  EXPECT_THAT(read.CompareEvaluation(Evaluation(0.5).evaluation()), Optional(std::string()));
  EXPECT_THAT(read.CompareEvaluation(Evaluation(0.25).evaluation()),
              Optional(std::string("evaluation of test at iteration 4: loss 0.25 instead of 0.5")));
  v1::Evaluated another = Evaluation(0.5).evaluation();
  another.set_dataset("validation");
  EXPECT_EQ(read.CompareEvaluation(another), std::nullopt);
}

TEST_F(RecomputationTest, ARowIsReadAsFarAsItIsOfTheHistory) {
  std::map<int64_t, v1::Iteration> iterations;
  EXPECT_TRUE(ReadIterations(*job_, lineage_, 1, &iterations).ok());
  EXPECT_EQ(iterations.rbegin()->first, 2);  // 3 to 5 were left behind
  EXPECT_TRUE(absl::IsNotFound(ReadIterations(*job_, lineage_, 9, &iterations)));
}

}  // namespace
}  // namespace descent::daemon
