#include "server/daemon/jobs/appender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

// A journal that keeps what it is given until the test lands it.
class WaitingJournal : public JobJournal {
 public:
  struct Waiting {
    std::vector<PendingEvent> events;
    std::optional<v1::Job> snapshot;
    Done done;
  };

  const std::string& job_id() const override { return job_id_; }
  int64_t head_revision() const override { return 0; }
  int64_t compacted_revision() const override { return 0; }
  int64_t final_revision() const override { return final_; }
  int64_t Append(std::vector<PendingEvent> events, std::optional<v1::Job> snapshot,
                 Done done) override {
    waiting.push_back({std::move(events), std::move(snapshot), std::move(done)});
    return 0;
  }
  absl::StatusOr<std::vector<RowPtr>> Read(int64_t, int64_t,
                                           const std::vector<v1::EventKind>&) override {
    return std::vector<RowPtr>();
  }
  std::optional<std::vector<RowPtr>> Tail(int64_t, int64_t) override { return std::nullopt; }
  std::unique_ptr<Subscription> Subscribe(std::function<void()>) override { return nullptr; }
  absl::StatusOr<RowPtr> FindIteration(int32_t, int64_t) override {
    return absl::NotFoundError("");
  }
  absl::StatusOr<std::vector<RowPtr>> FindRequest(const std::string&) override {
    return std::vector<RowPtr>();
  }
  absl::StatusOr<v1::Job> ReadSnapshot() override { return v1::Job(); }
  absl::StatusOr<std::vector<RowPtr>> FindEvaluations(int32_t, int64_t) override {
    return std::vector<RowPtr>();
  }
  absl::Status stalled() const override { return absl::OkStatus(); }
  void SetWaiting(const std::string&) override {}
  absl::Status damage() const override { return absl::OkStatus(); }
  void OnDamage(std::function<void(const absl::Status&)>) override {}
  void Retain(int64_t max_bytes) override { retained.push_back(max_bytes); }

  void LandNext(const absl::Status& status = absl::OkStatus()) {
    const Waiting next = std::move(waiting.front());
    waiting.erase(waiting.begin());
    if (status.ok()) {
      next.done(Appended{});
    } else {
      next.done(status);
    }
  }
  void End() { final_ = 1; }

  std::vector<Waiting> waiting;
  std::vector<int64_t> retained;

 private:
  const std::string job_id_ = "a";
  int64_t final_ = 0;
};

class AppenderTest : public testing::Test {
 protected:
  void Append(Draft draft) {
    appender_.Append(std::move(draft), [this](const absl::Status& status, const Commit& commit) {
      appender_.Land(status, commit);
      commits_.push_back(commit);
    });
  }
  void AppendState(v1::JobState state) {
    Draft draft;
    appender_.Add(appender_.NewState(state, "because"), &draft);
    Append(std::move(draft));
  }
  void AppendIterations(int64_t first, int64_t count) {
    Draft draft;
    for (PendingEvent& event : MakeIterations(first, count)) {
      appender_.AddIteration(std::move(event), &draft);
    }
    Append(std::move(draft));
  }
  static std::vector<int64_t> RevisionsOf(const std::vector<v1::Event>& events) {
    std::vector<int64_t> revisions;
    for (const v1::Event& event : events) revisions.push_back(event.revision());
    return revisions;
  }

  TestClock clock_;
  std::shared_ptr<WaitingJournal> journal_ = std::make_shared<WaitingJournal>();
  std::vector<v1::Event> followed_;
  std::vector<Commit> commits_;
  Appender appender_{&clock_, journal_, Position{JobFold("a")}, 1,
                     [this](const v1::Event& event) { followed_.push_back(event); }};
};

TEST_F(AppenderTest, DecisionsSeeWhatIsPendingAndPeopleWhatIsDurable) {
  AppendState(v1::RUNNING);
  EXPECT_EQ(appender_.pending().state(), v1::RUNNING);
  EXPECT_NE(appender_.seen().state(), v1::RUNNING);
  EXPECT_FALSE(appender_.all_landed());
  journal_->LandNext();
  EXPECT_EQ(appender_.seen().state(), v1::RUNNING);
  EXPECT_TRUE(appender_.all_landed());
}

TEST_F(AppenderTest, WhatWatchersWereToldOfTheEndEverybodyIs) {
  AppendState(v1::STOPPED);
  EXPECT_FALSE(appender_.seen().is_final());
  journal_->End();  // published, a moment before its callback
  EXPECT_TRUE(appender_.seen().is_final());
}

TEST_F(AppenderTest, EventsGetTheirRevisionsInOrderAndOneIterationARowIsFolded) {
  Draft draft;
  for (PendingEvent& event : MakeIterations(0, 3)) {
    appender_.AddIteration(std::move(event), &draft);
  }
  appender_.Add(appender_.NewNotice("between"), &draft);
  for (PendingEvent& event : MakeIterations(3, 2)) {
    appender_.AddIteration(std::move(event), &draft);
  }
  EXPECT_EQ(appender_.head_iteration(), 4);
  EXPECT_EQ(appender_.last_iteration_revision(), 6);
  Append(std::move(draft));
  ASSERT_THAT(journal_->waiting, SizeIs(1));
  EXPECT_THAT(journal_->waiting[0].events, SizeIs(6));
  EXPECT_EQ(appender_.pending().light().last_iteration().index(), 4);
  journal_->LandNext();
  EXPECT_THAT(RevisionsOf(commits_[0].events), ElementsAre(3, 4, 6));
  EXPECT_EQ(appender_.durable().light().last_iteration().index(), 4);
  // Iterations are nothing that the other folds follow.
  EXPECT_THAT(RevisionsOf(followed_), ElementsAre(4));
}

TEST_F(AppenderTest, ASnapshotGoesWithAllButIterations) {
  AppendIterations(0, 2);
  AppendState(v1::RUNNING);
  ASSERT_THAT(journal_->waiting, SizeIs(2));
  EXPECT_FALSE(journal_->waiting[0].snapshot.has_value());
  ASSERT_TRUE(journal_->waiting[1].snapshot.has_value());
  EXPECT_EQ(journal_->waiting[1].snapshot->head_revision(), 3);
  journal_->LandNext();
  journal_->LandNext();
  EXPECT_TRUE(commits_[0].only_iterations);
  EXPECT_FALSE(commits_[1].only_iterations);
}

TEST_F(AppenderTest, ItsEventsSayWhereTheRunIs) {
  AppendIterations(0, 5);
  v1::Event started;
  started.set_attempt(2);
  started.mutable_attempt_started();
  Draft draft;
  appender_.Add(started, &draft);
  appender_.Add(appender_.NewState(v1::RUNNING, ""), &draft);
  const v1::Event event = appender_.NewState(v1::PAUSED, "a file's name: \xff");
  EXPECT_EQ(event.attempt(), 2);
  EXPECT_EQ(event.time_unix_nanos(), static_cast<uint64_t>(clock_.WallNanos()));
  EXPECT_EQ(event.state_changed().old_state(), v1::RUNNING);
  EXPECT_EQ(event.state_changed().iteration(), 4);
  EXPECT_EQ(event.state_changed().reason().find('\xff'), std::string::npos);
  Append(std::move(draft));
}

TEST_F(AppenderTest, ARewindBeginsABranchAtItsIteration) {
  AppendIterations(0, 5);
  v1::Event rewound;
  rewound.mutable_rewound()->set_to_iteration(2);
  rewound.mutable_rewound()->set_to_branch(1);
  rewound.set_branch(1);
  Draft draft;
  appender_.Add(rewound, &draft);
  EXPECT_EQ(appender_.head_iteration(), 2);
  EXPECT_EQ(appender_.lineage().branch(), 1);
  EXPECT_EQ(appender_.NewEvent().branch(), 1);
  Append(std::move(draft));
}

TEST_F(AppenderTest, TheEndAndCheckpointsAreTold) {
  AppendState(v1::FAILED);
  Draft draft;
  v1::Event saved;
  saved.mutable_checkpoint_saved()->set_checkpoint("0-4");
  appender_.Add(saved, &draft);
  Append(std::move(draft));
  journal_->LandNext();
  journal_->LandNext();
  EXPECT_TRUE(commits_[0].has_end);
  EXPECT_FALSE(commits_[0].has_checkpoint);
  EXPECT_FALSE(commits_[1].has_end);
  EXPECT_TRUE(commits_[1].has_checkpoint);
}

TEST_F(AppenderTest, WhatCouldNotBeStoredIsNotSeen) {
  AppendState(v1::RUNNING);
  journal_->LandNext(absl::UnavailableError("the disk is full"));
  EXPECT_TRUE(appender_.all_landed());
  EXPECT_NE(appender_.seen().state(), v1::RUNNING);
}

TEST_F(AppenderTest, RetentionIsAskedForOnceInAMebibyteOfIterations) {
  int64_t next = 0;
  int64_t bytes = 0;
  while (journal_->retained.empty() && next < 100'000) {
    bytes += 100 * static_cast<int64_t>(MakeIteration(next).bytes.size());
    AppendIterations(next, 100);
    next += 100;
  }
  EXPECT_THAT(journal_->retained, ElementsAre(int64_t{1} << 30));
  EXPECT_NEAR(static_cast<double>(bytes), 1 << 20, 1 << 17);
}

}  // namespace
}  // namespace descent::daemon
