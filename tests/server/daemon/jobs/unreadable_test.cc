// Tests messages of workers that can't be parsed: bytes that are not UTF-8 in every string of the
// protocol. Each ends what it belongs to, with a reason; nothing is asked again, and nobody else
// notices.

#include <google/protobuf/message.h>

#include "absl/strings/match.h"
#include "proto/rpc_status.h"
#include "tests/proto/every_string.h"
#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;
using worker::v1::DaemonMessage;
using worker::v1::WorkerMessage;

constexpr char kLatin1[] = "caf\xE9";

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class UnreadableTest : public JobsTest {
 protected:
  // Gives a launched worker that is not another's.
  std::shared_ptr<FakeWorker> Launched() {
    std::shared_ptr<FakeWorker> worker = processes_.NextLaunched();
    workers_.push_back(worker);
    return worker;
  }
  // Fails unless the worker was told to exit; it does so.
  void ExpectFenced(FakeWorker& worker) {
    EXPECT_TRUE(worker.Await(DaemonMessage::kFenced).has_fenced());
    worker.Disconnect();
    processes_.Exit(worker, {.known = true, .exit_status = 4});
    Advance(11);  // the longest back-off
  }
};

TEST_F(UnreadableTest, AnAnswerEndsItsValidation) {
  int strings = 0;
  EveryString(WorkerMessage(), kLatin1,
              [&](const google::protobuf::Message& message, const std::string& path) {
                SCOPED_TRACE(path);
                if (absl::StartsWith(path, "hello.worker."))
                  return;  // as any other Hello that comes second
                ++strings;
                auto spare = Launched();
                WorkerMessage answer;
                answer.CopyFrom(message);
                spare->set_answer_to_validate(std::move(answer));
                auto created = Create("poison");
                spare->Connect();
                const absl::Status status = created.Get().status();
                EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
                EXPECT_EQ(GetErrorDetail(status).reason, "UNREADABLE_MESSAGE");
                EXPECT_THAT(Message(status), HasSubstr(path + " is not UTF-8"));
                EXPECT_FALSE(jobs_->Get(Ann(), "jobs/poison").ok());
                ExpectFenced(*spare);
              });
  EXPECT_GT(strings, 50);
  auto next = Create("next");
  ConnectSpare();
  EXPECT_TRUE(next.Get().ok());
}

TEST_F(UnreadableTest, OthersAreServedMeanwhile) {
  auto poisoned = Create("poison");
  auto valid = Create("valid");
  auto spare = Launched();
  WorkerMessage answer;
  answer.mutable_validated()->set_id(kLatin1);
  spare->set_answer_to_validate(std::move(answer));
  spare->Connect();
  EXPECT_FALSE(poisoned.Get().ok());
  Advance(11);
  ConnectSpare();
  EXPECT_TRUE(valid.Get().ok());
}

TEST_F(UnreadableTest, AHelloIsRefused) {
  EveryString(worker::v1::Hello(), kLatin1,
              [&](const google::protobuf::Message& message, const std::string& path) {
                SCOPED_TRACE(path);
                auto spare = Launched();
                spare->change_hello = [&](worker::v1::Hello* hello) { hello->MergeFrom(message); };
                spare->Connect();
                const DaemonMessage answer = spare->Await(DaemonMessage::kFenced);
                EXPECT_THAT(answer.fenced().reason(), HasSubstr(path + " is not UTF-8"));
                spare->Disconnect();
                processes_.Exit(*spare, {.known = true, .exit_status = 4});
                Advance(11);
              });
  auto next = Create("next");
  ConnectSpare();
  EXPECT_TRUE(next.Get().ok());
}

TEST_F(UnreadableTest, AnEventFailsItsJob) {
  int number = 0;
  EveryString(v1::Event(), kLatin1,
              [&](const google::protobuf::Message& message, const std::string& path) {
                SCOPED_TRACE(path);
                const std::string id = absl::StrCat("poison-", ++number);
                if (absl::StartsWith(path, "created.spec.") && number % 20 != 0)
                  return;  // they are many
                auto worker = RunJob(id);
                worker->Train(3);
                v1::Event event;
                event.CopyFrom(message);
                worker->Emit(event);
                worker->Flush();
                const v1::Event end = AwaitState(id, v1::FAILED);
                EXPECT_THAT(end.state_changed().reason(), HasSubstr("an event that can't be read"));
                EXPECT_EQ(end.state_changed().error_reason(), "UNREADABLE_MESSAGE");
                EXPECT_EQ(Values(id), Undisturbed(3));  // what came before it is kept
                EXPECT_EQ(jobs_->Get(Ann(), "jobs/" + id)->attempt(), 1);
                ExpectFenced(*worker);
              });
  EXPECT_GT(number, 50);
}

TEST_F(UnreadableTest, ABatchFailsItsJob) {
  auto worker = RunJob("poison");
  worker->Train(3);
  WorkerMessage message;
  message.mutable_events()->set_job(kLatin1);
  worker->Say(message);
  EXPECT_THAT(AwaitState("poison", v1::FAILED).state_changed().reason(),
              HasSubstr("events.job is not UTF-8"));
  ExpectFenced(*worker);
}

TEST_F(UnreadableTest, AWorkerThatCantReadItsStartFailsItsJob) {
  auto worker = RunJob("poison");
  WorkerMessage message;
  message.mutable_unreadable()->set_problem(
      "a DaemonMessage can't be read: start.job is not UTF-8");
  worker->Say(message);
  EXPECT_THAT(AwaitState("poison", v1::FAILED).state_changed().reason(),
              HasSubstr("start.job is not UTF-8"));
  ExpectFenced(*worker);
}

TEST_F(UnreadableTest, ACommandThatItsWorkerCantReadIsRejectedAndTheRunGoesOn) {
  auto worker = RunJob("fine");
  worker->Train(3);
  auto answer = Command(SetOf("fine", "r1", 0.25));
  ASSERT_TRUE(worker->AwaitCommand("r1"));
  worker->Await(DaemonMessage::kCommand);
  WorkerMessage message;
  message.mutable_unreadable()->set_problem("a DaemonMessage can't be read");
  message.mutable_unreadable()->set_request_id("r1");
  worker->Say(message);
  const absl::Status status = answer.Get().status();
  EXPECT_EQ(GetErrorDetail(status).reason, "UNREADABLE_MESSAGE");
  worker->Train(6);
  EXPECT_TRUE(worker->AwaitAcknowledged());
  EXPECT_EQ(Values("fine"), Undisturbed(6));
}

// A worker's last words become a reason: whole characters of valid text, and no stack.
TEST_F(UnreadableTest, LastWordsAreTextWithoutAStack) {
  auto running = RunJob("first");  // the spare that is launched for it has no log
  std::string words = "  what():  caf\xE9 ";
  for (int i = 0; i < 200; ++i) words += "ä";
  std::string log_text = "terminate called after throwing an instance of 'c10::Error'\n" + words +
                         "\nException raised from f at a.cpp:1 (most recent call first):\n";
  for (int i = 0; i < 99; ++i) {
    log_text += "frame #" + std::to_string(i) + ": f(int) + 0x2f (0x7f in libtorch.so)\n";
  }
  processes_.set_log_text(log_text + "\n");
  Kill(*running);
  auto second = ConnectSpare();
  second->Begin();
  Kill(*second);
  auto third = ConnectSpare();  // launched with the text
  Advance(1);                   // the back-off
  third->Begin();
  Kill(*third);
  const v1::Event notice = AwaitEvent("first", [](const v1::Event& event) {
    return event.has_notice() && absl::StrContains(event.notice().message(), "last words");
  });
  const std::string& message = notice.notice().message();
  EXPECT_THAT(message, HasSubstr("its last words: what():  caf\uFFFD ää"));
  EXPECT_THAT(message, testing::EndsWith("ä…"));
  EXPECT_THAT(message, testing::Not(HasSubstr("frame #")));
}

// A worker that lost its connection over its answer would lose it again.
TEST_F(UnreadableTest, AConnectionThatBreaksOverAndOverEndsTheValidation) {
  auto created = Create("poison");
  auto spare = Launched();
  spare->LeaveValidate();
  for (int i = 0; i < 2; ++i) {
    spare->Connect();
    spare->Await(DaemonMessage::kValidate);
  }
  spare->Connect();
  const absl::Status status = created.Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(Message(status), HasSubstr("lost the connection"));
}

}  // namespace
}  // namespace descent::daemon
