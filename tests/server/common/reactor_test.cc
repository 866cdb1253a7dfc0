#include "server/common/reactor.h"

#include <gmock/gmock.h>
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"

namespace descent::server {
namespace {

using ::testing::ElementsAre;

grpc::ByteBuffer BytesOf(const std::string& text) {
  const grpc::Slice slice(text);
  return {&slice, 1};
}

std::string TextOf(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(slice.begin(), slice.end());
  return text;
}

// Is gRPC as a test sees it: keeps what it was asked for, and complains of what gRPC can not bear.
class FakeGrpc {
 public:
  virtual ~FakeGrpc() = default;
  virtual void OnWriteDone(bool) {}
  virtual void OnDone() = 0;

  void StartWrite(const grpc::ByteBuffer* message) {
    EXPECT_FALSE(status.has_value()) << "a write after Finish";
    EXPECT_FALSE(in_flight) << "a second write in flight";
    in_flight = true;
    written.push_back(TextOf(*message));
  }
  void Finish(const grpc::Status& end) {
    EXPECT_FALSE(status.has_value()) << "a second Finish";
    EXPECT_FALSE(in_flight) << "Finish with a write in flight";
    status = end;
  }

  // Brings the write in flight to its end.
  void Complete(bool ok = true) {
    ASSERT_TRUE(in_flight);
    in_flight = false;
    OnWriteDone(ok);
  }

  std::vector<std::string> written;
  bool in_flight = false;
  std::optional<grpc::Status> status;
};

// Sends a stream of texts.
class Texts final : public StreamReactor<FakeGrpc> {
 public:
  explicit Texts(bool* destroyed = nullptr) : destroyed_(destroyed) {}
  ~Texts() override {
    if (destroyed_ != nullptr) *destroyed_ = true;
  }

  void Send(const std::string& text) {
    MutexLock lock(mutex_);
    if (ending()) return;
    waiting_.push_back(text);
    WriteNext();
  }
  void End(const grpc::Status& status) {
    MutexLock lock(mutex_);
    EndWith(status);
  }
  bool is_finished() {
    MutexLock lock(mutex_);
    return finished();
  }

  int gone = 0;
  std::vector<bool> ends;  // of writes

 private:
  bool NextMessage(grpc::ByteBuffer* message) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    EXPECT_EQ(message->Length(), 0u);
    if (waiting_.empty()) return false;
    *message = BytesOf(waiting_.front());
    waiting_.pop_front();
    return true;
  }
  void OnWritten(bool ok) override {
    ends.push_back(ok);
    if (ok) return;
    MutexLock lock(mutex_);
    waiting_.clear();
    EndWith(grpc::Status::CANCELLED);
  }
  void OnGone() override { ++gone; }

  bool* const destroyed_;
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
};

TEST(StreamReactor, WritesOneMessageAtATimeInOrder) {
  const auto call = std::make_shared<Texts>();
  call->Send("a");
  call->Send("b");
  call->Send("c");
  EXPECT_THAT(call->written, ElementsAre("a"));
  call->Complete();
  EXPECT_THAT(call->written, ElementsAre("a", "b"));
  call->Complete();
  call->Complete();
  EXPECT_THAT(call->written, ElementsAre("a", "b", "c"));
  EXPECT_FALSE(call->in_flight);
  call->Send("d");  // after a rest
  EXPECT_THAT(call->written, ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(call->ends, ElementsAre(true, true, true));
}

TEST(StreamReactor, FinishesOnceAfterTheLastMessage) {
  const auto call = std::make_shared<Texts>();
  call->Send("a");
  call->Send("b");
  call->End(grpc::Status::OK);
  call->End(grpc::Status::CANCELLED);  // the first counts
  call->Send("too late");
  call->Complete();
  EXPECT_FALSE(call->status.has_value());
  call->Complete();
  ASSERT_TRUE(call->status.has_value());
  EXPECT_TRUE(call->status->ok());
  call->End(grpc::Status::CANCELLED);
  call->Send("far too late");
  EXPECT_THAT(call->written, ElementsAre("a", "b"));
  EXPECT_TRUE(call->is_finished());
}

TEST(StreamReactor, FinishesAtOnceIfNothingIsToBeSent) {
  const auto call = std::make_shared<Texts>();
  call->End(grpc::Status::OK);
  EXPECT_TRUE(call->status.has_value());
}

TEST(StreamReactor, AFailedWriteIsSeenBeforeTheNextOneBegins) {
  const auto call = std::make_shared<Texts>();
  call->Send("a");
  call->Send("b");
  call->Complete(/*ok=*/false);
  EXPECT_THAT(call->written, ElementsAre("a"));
  ASSERT_TRUE(call->status.has_value());
  EXPECT_EQ(call->status->error_code(), grpc::StatusCode::CANCELLED);
}

TEST(StreamReactor, LivesUntilGrpcIsDoneAndNobodyHoldsIt) {
  bool destroyed = false;
  auto call = std::make_shared<Texts>(&destroyed);
  FakeGrpc* const grpc = call->Begin();
  call.reset();
  EXPECT_FALSE(destroyed);
  grpc->OnDone();
  EXPECT_TRUE(destroyed);

  destroyed = false;
  auto held = std::make_shared<Texts>(&destroyed);
  held->Begin()->OnDone();
  EXPECT_EQ(held->gone, 1);
  EXPECT_FALSE(destroyed);
  held.reset();
  EXPECT_TRUE(destroyed);
}

TEST(StreamReactor, TakesMessagesOfManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kMessages = 250;
  const auto call = std::make_shared<Texts>();
  std::vector<std::thread> senders;
  for (int thread = 0; thread < kThreads; ++thread) {
    senders.emplace_back([call, thread] {
      for (int i = 0; i < kMessages; ++i) call->Send(std::to_string(thread));
    });
  }
  for (std::thread& sender : senders) sender.join();
  call->End(grpc::Status::OK);
  while (call->in_flight) call->Complete();
  EXPECT_EQ(call->written.size(), size_t{kThreads} * kMessages);
  EXPECT_TRUE(call->status.has_value());
}

// Is a call that is answered at once.
class Refused final : public CallReactor<FakeGrpc> {
 public:
  bool Refuse(const grpc::Status& status) {
    MutexLock lock(mutex_);
    return FinishOnce(status);
  }
};

TEST(CallReactor, FinishesOnce) {
  const auto call = std::make_shared<Refused>();
  EXPECT_TRUE(call->Refuse(grpc::Status(grpc::StatusCode::NOT_FOUND, "no")));
  EXPECT_FALSE(call->Refuse(grpc::Status::OK));
  EXPECT_EQ(call->status->error_code(), grpc::StatusCode::NOT_FOUND);
  call->Begin()->OnDone();
}

}  // namespace
}  // namespace descent::server
