// Checkpoints are hashed, and the store is read, beside the loop: what else happens meanwhile is
// seen to, and nothing that happens to the attempt itself is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;

class HashingTest : public JobsTest {
 protected:
  HashingTest()
      : JobsTest(/*worker_lease_seconds=*/10, /*max_running_jobs=*/2,
                 [this](const std::string& path) { return Hash(path); }) {}
  ~HashingTest() override {
    Open();
    Settle();
  }

  // Hashing may go on.
  void Open() {
    if (!open_) opened_.set_value();
    open_ = true;
  }
  void AwaitHashing() {
    EXPECT_EQ(begun_.get_future().wait_for(kPatience), std::future_status::ready);
  }

  // Makes a job whose second attempt has come to nothing: before the third, its checkpoint is
  // hashed.
  void Suspect(const std::string& id) {
    auto worker = RunJob(id);
    worker->Train(4);
    worker->SaveCheckpoint();
    worker->Train(6);
    worker->AwaitAcknowledged();
    Kill(*worker);
    auto second = ConnectSpare();
    second->Begin();
    Kill(*second);
    AwaitEvent(id,
               [](const v1::Event& event) { return event.has_notice() && event.attempt() == 2; });
  }
  int Attempts(const std::string& id) {
    return Count(id, [](const v1::Event& event) { return event.has_attempt_started(); });
  }

  // Gives what its worker said in place of the file's digest.
  std::string Hash(const std::string& path) {
    if (!hashing_) begun_.set_value();
    hashing_ = true;
    gate_.wait();
    const std::string name = path.substr(path.rfind('/') + 1);
    return found_ + name.substr(0, name.find('.'));
  }

  std::string found_ = "of ";

 private:
  bool hashing_ = false;  // the hashing thread's
  std::promise<void> begun_;
  std::promise<void> opened_;
  std::shared_future<void> gate_ = opened_.get_future().share();
  bool open_ = false;
};

TEST_F(HashingTest, LeasesAreWatchedMeanwhile) {
  auto other = RunJob("b");
  other->Train(2);
  other->AwaitAcknowledged();
  Suspect("a");
  for (int i = 0; i < 3; ++i) Advance(2.5);
  auto third = ConnectSpare();
  AwaitHashing();
  for (int i = 0; i < 2; ++i) {  // the other one's lease has passed, the third's has not
    SettleLoop();
    clock_.Advance(2'500'000'000);
    jobs_->Wake();
    SettleLoop();
  }
  EXPECT_TRUE(other->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  AwaitState("b", v1::RECOVERING);
  EXPECT_EQ(Attempts("a"), 2);
  Open();
  EXPECT_EQ(third->Begin().attempt(), 3);
  EXPECT_EQ(third->start().checkpoint(), "0-4");
  third->Train(8);
  EXPECT_TRUE(third->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(8));
}

TEST_F(HashingTest, CommandsAreTakenMeanwhileAndToldWithStart) {
  Suspect("a");
  auto third = ConnectSpare();
  AwaitHashing();
  auto answer = Command(SetOf("a", "s1", 0.25));
  AwaitAccepted("a", "s1");
  EXPECT_FALSE(third->Has(worker::v1::DaemonMessage::kCommand));
  Open();
  EXPECT_EQ(third->Begin().unresolved_size(), 1);
  third->Train(8);
  EXPECT_TRUE(answer.Get().ok());
  EXPECT_TRUE(third->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(8, {{6, 0.25}}));
}

TEST_F(HashingTest, AWorkerThatDiesMeanwhileLosesTheAttemptThatItWasFor) {
  Suspect("a");
  auto third = ConnectSpare();
  AwaitHashing();
  Kill(*third);
  SettleLoop();
  EXPECT_EQ(Attempts("a"), 2);
  Open();
  const v1::Event notice = AwaitEvent(
      "a", [](const v1::Event& event) { return event.has_notice() && event.attempt() == 3; });
  EXPECT_THAT(notice.notice().message(), HasSubstr("Attempt 3 ended: worker"));
  EXPECT_EQ(Attempts("a"), 3);
  Advance(1);  // the back-off
  auto fourth = ConnectSpare();
  EXPECT_EQ(fourth->Begin().attempt(), 4);
  fourth->Train(8);
  EXPECT_TRUE(fourth->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(8));
}

TEST_F(HashingTest, AJobMayBeDeletedMeanwhile) {
  Suspect("a");
  auto third = ConnectSpare();
  AwaitHashing();
  v1::DeleteJobRequest request;
  request.set_name("jobs/a");
  request.set_force(true);
  auto [answer, done] = MakeAnswer<v1::DeleteJobResponse>();
  jobs_->Delete(Ann(), request, done);
  EXPECT_TRUE(third->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  Kill(*third);
  // The journal's thread commits the deletion and tells the loop; nobody waits for the hashing.
  while (jobs_->Get(Ann(), "jobs/a").ok()) SettleLoop();
  Open();
  EXPECT_TRUE(answer.Get().ok());
  Settle();
  EXPECT_FALSE(std::filesystem::exists(folder_.File("jobs/a")));
  auto other = RunJob("b");
  other->Train(2);
  EXPECT_TRUE(other->AwaitAcknowledged());
}

TEST_F(HashingTest, ADamagedCheckpointIsPassedOverWithANotice) {
  found_ = "not of ";
  Open();
  Suspect("a");
  auto third = ConnectSpare();
  EXPECT_EQ(third->Begin().checkpoint(), "");
  EXPECT_EQ(third->start().recompute_until(), 6);
  const v1::Event notice = AwaitEvent(
      "a", [](const v1::Event& event) { return event.notice().message().find("Checkpoint") == 0; });
  EXPECT_EQ(notice.notice().message(), "Checkpoint 0-4 is missing or damaged and is passed over");
  third->Train(8);
  EXPECT_TRUE(third->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(8));
}

// A store that answers nobody until Open.
class SlowStoreTest : public JobsTest {
 protected:
  ~SlowStoreTest() override {
    if (!open_) Open();
  }

  void Close() {
    open_ = false;
    store_->Post([gate = opened_.get_future().share()] { gate.wait(); });
  }

  void Open() {
    open_ = true;
    opened_.set_value();
  }

 private:
  std::promise<void> opened_;
  bool open_ = true;
};

TEST_F(SlowStoreTest, LeasesAreWatchedWhileACommandIsLookedFor) {
  auto worker = RunJob("a");
  worker->Train(2);
  worker->AwaitAcknowledged();
  Close();
  auto first = Command(SetOf("a", "s1", 0.25));
  auto second = Command(SetOf("a", "s2", 0.125));
  for (int i = 0; i < 6; ++i) {  // a lease and a half
    SettleLoop();
    clock_.Advance(2'500'000'000);
    jobs_->Wake();
    SettleLoop();
  }
  EXPECT_TRUE(worker->Await(worker::v1::DaemonMessage::kFenced).has_fenced());
  AwaitState("a", v1::RECOVERING);
  EXPECT_FALSE(first.ready());
  Open();
  // In the order of asking.
  EXPECT_LT(AwaitAccepted("a", "s1").revision(), AwaitAccepted("a", "s2").revision());
  auto next = ConnectSpare();
  EXPECT_EQ(next->Begin().unresolved_size(), 2);
  next->Train(6);
  EXPECT_TRUE(first.Get().ok());
  EXPECT_TRUE(second.Get().ok());
}

// Has a job whose second attempt computes iterations 0 to 4 again.
class ComparisonTest : public SlowStoreTest {
 protected:
  ComparisonTest() {
    first_ = RunJob("a");
    first_->Train(4);
    first_->AwaitAcknowledged();
    Kill(*first_);
    second_ = ConnectSpare();
    second_->Begin();
    Close();
  }

  // The second attempt's worker sends iterations 0 to 6, and the daemon has them, but not what to
  // compare them with.
  void SendSix() {
    second_->Train(6);
    while (jobs_->statistics(Ann()).held_back == 0) SettleLoop();
  }

  std::shared_ptr<FakeWorker> first_;
  std::shared_ptr<FakeWorker> second_;
};

TEST_F(ComparisonTest, TheLoopDoesNotWaitForTheStore) {
  SendSix();
  // Its worker is heard, as it waits for the daemon; other jobs go their way.
  for (int i = 0; i < 6; ++i) {
    SettleLoop();
    clock_.Advance(2'500'000'000);
    jobs_->Wake();
    SettleLoop();
  }
  auto created = Create("b");
  ConnectSpare();
  EXPECT_TRUE(created.Get().ok());
  EXPECT_EQ(JournalOf("a")->final_revision(), 0);
  Open();
  EXPECT_TRUE(second_->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(6));
  EXPECT_EQ(jobs_->Get(Ann(), "jobs/a")->attempt(), 2);
}

TEST_F(ComparisonTest, AWorkerThatDiesMeanwhileHasToldWhatItSent) {
  SendSix();
  Kill(*second_);
  SettleLoop();
  const auto is_second_end = [](const v1::Event& event) {
    return event.has_notice() && event.attempt() == 2;
  };
  EXPECT_EQ(Count("a", is_second_end), 0);
  Open();
  AwaitEvent("a", is_second_end);
  EXPECT_EQ(Values("a"), Undisturbed(6));
  auto third = ConnectSpare();
  EXPECT_EQ(third->Begin().recompute_until(), 6);
}

TEST_F(ComparisonTest, WhatComesAgainMeanwhileIsTakenOnce) {
  SendSix();
  second_->Disconnect();
  second_->Connect();
  second_->Resend();
  second_->Train(8);
  Open();
  EXPECT_TRUE(second_->AwaitAcknowledged());
  EXPECT_EQ(Values("a"), Undisturbed(8));
  EXPECT_EQ(Count("a", [](const v1::Event& event) { return event.has_rewound(); }), 0);
}

// Has a finished job, as a new daemon finds it: nobody has read its history yet, nor does until
// Open.
class LoadingTest : public SlowStoreTest {
 protected:
  LoadingTest() {
    auto worker = RunJob("a");
    worker->Train(4);
    worker->SaveCheckpoint();
    worker->Finish();
    EXPECT_TRUE(worker->AwaitAcknowledged());
    StopDaemon();
    StartDaemon();
    Settle();
    Close();
  }
};

TEST_F(LoadingTest, ACommandWaitsForTheHistoryAndTheLoopForNeither) {
  auto answer = Command(SetOf("a", "s1", 0.25));
  auto created = Create("b");
  auto worker = ConnectSpare();
  EXPECT_TRUE(created.Get().ok());
  EXPECT_FALSE(answer.ready());
  Open();
  EXPECT_THAT(std::string(answer.Get().status().message()), HasSubstr("is over (SUCCEEDED)"));
  EXPECT_EQ(worker->Begin().job(), "jobs/b");
}

TEST_F(LoadingTest, APredictionThatIsGivenUpMeanwhileNeverBegins) {
  struct Sink final : PredictionSink {
    void OnResponse(v1::PredictJobResponse) override {}
    void OnEnd(const absl::Status&) override {}
  };
  v1::PredictJobRequest request;
  request.set_name("jobs/a");
  request.mutable_data()->mutable_moons();
  auto first = jobs_->Predict(Ann(), request, std::make_shared<Sink>());
  auto second = jobs_->Predict(Ann(), request, std::make_shared<Sink>());
  first.reset();
  SettleLoop();
  Open();
  auto spare = ConnectSpare();
  EXPECT_EQ(spare->Await(worker::v1::DaemonMessage::kPredict).predict().id(), "p2");
}

}  // namespace
}  // namespace descent::daemon
