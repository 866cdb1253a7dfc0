// Tests specs of several people that are validated at a time: in turns, within a limit, until
// nobody wants them any more.

#include "proto/rpc_status.h"
#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;
using worker::v1::DaemonMessage;

class ValidationsTest : public JobsTest {
 protected:
  using JobsTest::JobsTest;

  // A spec that says whose it is.
  struct Asked {
    Answer<v1::ValidateSpecResponse> answer;
    Jobs::Cancel cancel;
    // Held here: one that is forgotten by the jobs would leave a broken promise, not none.
    Jobs::Callback<v1::ValidateSpecResponse> done;
  };
  Asked Ask(const std::string& principal, int64_t iterations) {
    v1::ValidateSpecRequest request;
    *request.mutable_spec() = SmallSpec();
    request.mutable_spec()->set_iterations(iterations);
    auto [answer, done] = MakeAnswer<v1::ValidateSpecResponse>();
    Jobs::Cancel cancel = jobs_->Validate(CallerOf(principal), request, done);
    return {std::move(answer), cancel, done};
  }

  // Gives the next launched worker, which leaves Validate to the test.
  std::shared_ptr<FakeWorker> ConnectSlow() {
    std::shared_ptr<FakeWorker> worker = processes_.NextLaunched();
    if (worker == nullptr) ADD_FAILURE() << "no worker was launched";
    worker->LeaveValidate();
    worker->Connect();
    workers_.push_back(worker);
    return worker;
  }

  // Gives what it is asked to validate, and answers it.
  int64_t AnswerNext(FakeWorker& worker) {
    const DaemonMessage asked = worker.Await(DaemonMessage::kValidate);
    worker::v1::WorkerMessage answer;
    answer.mutable_validated()->set_id(asked.validate().id());
    *answer.mutable_validated()->mutable_valid()->mutable_spec() = asked.validate().spec();
    worker.Say(answer);
    return asked.validate().spec().iterations();
  }
};

TEST_F(ValidationsTest, PrincipalsTakeTurns) {
  std::vector<Asked> asked;
  for (int64_t i = 1; i <= 3; ++i) asked.push_back(Ask("ann", i));
  asked.push_back(Ask("bob", 11));
  asked.push_back(Ask("cleo", 21));
  auto spare = ConnectSlow();
  std::vector<int64_t> order;
  for (int i = 0; i < 5; ++i) order.push_back(AnswerNext(*spare));
  EXPECT_THAT(order, testing::ElementsAre(1, 11, 21, 2, 3));
  for (Asked& one : asked) EXPECT_TRUE(one.answer.Get().ok());
}

TEST_F(ValidationsTest, AnotherSpareTakesWhatWaitsBehindALongOne) {
  Asked slow = Ask("ann", 1);
  auto first = ConnectSlow();
  first->Await(DaemonMessage::kValidate);
  Asked quick = Ask("bob", 2);
  Settle();
  EXPECT_EQ(processes_.launches(), 1);  // the first may be done in a moment
  Advance(0.3);
  ConnectSpare();
  EXPECT_TRUE(quick.answer.Get().ok());
  EXPECT_FALSE(slow.answer.ready());
}

TEST_F(ValidationsTest, OnePrincipalLeavesOneOfThemToOthers) {
  std::vector<Asked> asked;
  for (int64_t i = 1; i <= 5; ++i) asked.push_back(Ask("ann", i));
  std::vector<std::shared_ptr<FakeWorker>> busy;
  for (int i = 0; i < 3; ++i) {
    busy.push_back(ConnectSlow());
    busy.back()->Await(DaemonMessage::kValidate);
    Advance(1.5);
  }
  auto fourth = ConnectSlow();  // the spare that is kept warm
  Settle();
  EXPECT_FALSE(fourth->Has(DaemonMessage::kValidate));
  Asked other = Ask("bob", 11);
  EXPECT_EQ(AnswerNext(*fourth), 11);
  EXPECT_TRUE(other.answer.Get().ok());
  Advance(1.5);
  EXPECT_EQ(processes_.launches(), 4);  // nothing grows with what waits
}

// Launches wait longer and longer if spares fail by themselves, not if somebody's specs kill them.
TEST_F(ValidationsTest, SpecsThatKillTheirWorkersKeepNobodyWaiting) {
  for (int i = 0; i < 5; ++i) {
    Asked poison = Ask("ann", 1);
    for (int death = 0; death < 2; ++death) {
      auto spare = ConnectSlow();  // with no time between
      spare->Await(DaemonMessage::kValidate);
      Kill(*spare);
    }
    EXPECT_EQ(poison.answer.Get().status().code(), absl::StatusCode::kInternal);
  }
  Asked next = Ask("bob", 2);
  ConnectSpare();
  EXPECT_TRUE(next.answer.Get().ok());
}

// Has workers that may be silent for longer than a validation may take.
class LongValidationsTest : public ValidationsTest {
 protected:
  LongValidationsTest() : ValidationsTest(/*worker_lease_seconds=*/1000) {}
};

TEST_F(LongValidationsTest, OneThatTakesTooLongIsEndedAndItsSpareReplaced) {
  Asked slow = Ask("ann", 1);
  auto spare = ConnectSlow();
  spare->Await(DaemonMessage::kValidate);
  Advance(2);
  ConnectSpare()->Await(DaemonMessage::kWelcome);  // for whoever comes meanwhile
  Advance(200);
  EXPECT_FALSE(slow.answer.ready());
  Advance(100);
  const absl::Status status = slow.answer.Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(GetErrorDetail(status).reason, "VALIDATION_TOO_LONG");
  EXPECT_THAT(std::string(status.message()), HasSubstr("within 300 s"));
  EXPECT_TRUE(spare->Await(DaemonMessage::kFenced).has_fenced());
  Asked next = Ask("ann", 2);
  EXPECT_TRUE(next.answer.Get().ok());
}

TEST_F(ValidationsTest, OneThatNobodyWaitsForHasASecondToEnd) {
  Asked gone = Ask("ann", 1);
  auto spare = ConnectSlow();
  const DaemonMessage asked = spare->Await(DaemonMessage::kValidate);
  gone.cancel();
  Advance(0.5);
  EXPECT_FALSE(spare->Has(DaemonMessage::kFenced));
  Advance(0.6);
  EXPECT_TRUE(spare->Await(DaemonMessage::kFenced).has_fenced());
  EXPECT_FALSE(gone.answer.ready());
  gone.cancel();  // again: nothing
  Asked next = Ask("bob", 2);
  ConnectSpare();
  EXPECT_TRUE(next.answer.Get().ok());
}

TEST_F(ValidationsTest, OneThatEndsSoonAfterIsNotReplaced) {
  Asked gone = Ask("ann", 1);
  auto spare = ConnectSlow();
  spare->Await(DaemonMessage::kValidate);
  Asked next = Ask("ann", 2);
  gone.cancel();
  worker::v1::WorkerMessage answer;
  answer.mutable_validated()->set_id("1");
  answer.mutable_validated()->mutable_valid();
  spare->Say(answer);
  EXPECT_EQ(AnswerNext(*spare), 2);
  EXPECT_TRUE(next.answer.Get().ok());
  Advance(2);
  EXPECT_FALSE(spare->Has(DaemonMessage::kFenced));
  EXPECT_FALSE(gone.answer.ready());
}

TEST_F(ValidationsTest, OneThatWaitsAndIsCancelledIsNeverBegun) {
  Asked first = Ask("ann", 1);
  auto spare = ConnectSlow();
  Asked second = Ask("ann", 2);
  Asked third = Ask("ann", 3);
  Settle();
  second.cancel();
  Settle();
  EXPECT_EQ(AnswerNext(*spare), 1);
  EXPECT_EQ(AnswerNext(*spare), 3);
  EXPECT_TRUE(third.answer.Get().ok());
}

TEST_F(ValidationsTest, ACreationThatIsCancelledGivesItsJobIdBack) {
  v1::CreateJobRequest request;
  request.set_job_id("mine");
  request.set_request_id("r1");
  *request.mutable_job()->mutable_spec() = SmallSpec();
  auto [answer, done] = MakeAnswer<v1::Job>();
  const Jobs::Cancel cancel = jobs_->Create(Ann(), request, done);
  auto spare = ConnectSlow();
  spare->Await(DaemonMessage::kValidate);
  EXPECT_EQ(Create("mine", "r2").Get().status().code(), absl::StatusCode::kAlreadyExists);
  cancel();
  auto again = Create("mine", "r1");  // the same request; and the id is free
  Advance(1.1);
  ConnectSpare();
  ASSERT_TRUE(again.Get().ok());
  EXPECT_FALSE(answer.ready());
  cancel();  // too late for anything
  Settle();
  EXPECT_TRUE(jobs_->Get(Ann(), "jobs/mine").ok());
}

TEST_F(ValidationsTest, ACreationGoesOnWhileOneOfThoseWhoAskedWaits) {
  v1::CreateJobRequest request;
  request.set_request_id("r1");
  *request.mutable_job()->mutable_spec() = SmallSpec();
  auto [first, first_done] = MakeAnswer<v1::Job>();
  auto [second, second_done] = MakeAnswer<v1::Job>();
  const Jobs::Cancel cancel = jobs_->Create(Ann(), request, first_done);
  jobs_->Create(Ann(), request, second_done);
  cancel();
  Settle();
  ConnectSpare();
  EXPECT_TRUE(second.Get().ok());
  EXPECT_FALSE(first.ready());
}

}  // namespace
}  // namespace descent::daemon
