#include "server/worker/session/outbox.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace descent::worker {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class OutboxTest : public ::testing::Test {
 protected:
  // Gives the events of the next message, joined by spaces, after their first sequence.
  std::string Next(Outbox* outbox, int64_t connection) {
    v1::WorkerMessage message;
    switch (outbox->Next(connection, 0, &message)) {
      case Outbox::Taken::kTimeout:
        return "timeout";
      case Outbox::Taken::kInterrupted:
        return "interrupted";
      case Outbox::Taken::kMessage:
        break;
    }
    if (!message.has_events()) return "message";
    std::string text = std::to_string(message.events().first_sequence()) + ":";
    for (const std::string& event : message.events().events()) text += " " + event;
    return text;
  }

  Outbox outbox_{1000, Clock::Real()};
};

TEST_F(OutboxTest, GivesEventsInOrderWithTheirSequences) {
  outbox_.Begin("jobs/a", 2);
  const int64_t connection = outbox_.NewConnection(0);
  EXPECT_EQ(Next(&outbox_, connection), "timeout");
  outbox_.Append("a");
  outbox_.Append("b");
  EXPECT_EQ(Next(&outbox_, connection), "1: a b");
  EXPECT_EQ(Next(&outbox_, connection), "timeout");
  outbox_.Append({"c", "d"}, true);
  v1::WorkerMessage message;
  ASSERT_EQ(outbox_.Next(connection, 0, &message), Outbox::Taken::kMessage);
  EXPECT_EQ(message.events().job(), "jobs/a");
  EXPECT_EQ(message.events().attempt(), 2);
  EXPECT_EQ(message.events().first_sequence(), 3);
}

TEST_F(OutboxTest, ANewConnectionGoesOnAfterWhatIsDurable) {
  int64_t connection = outbox_.NewConnection(0);
  for (const char* event : {"a", "b", "c", "d"}) {
    outbox_.Append(event);
    Next(&outbox_, connection);
  }
  outbox_.Acknowledge(1);
  const int64_t old = connection;
  connection = outbox_.NewConnection(2);
  EXPECT_EQ(Next(&outbox_, old), "interrupted");
  EXPECT_EQ(Next(&outbox_, connection), "3: c");
  EXPECT_EQ(Next(&outbox_, connection), "4: d");
  EXPECT_EQ(outbox_.identity().first_unacknowledged_sequence, 3);
}

TEST_F(OutboxTest, GoesOnInTheMiddleOfABatch) {
  int64_t connection = outbox_.NewConnection(0);
  outbox_.Append({"a", "b", "c"}, true);
  EXPECT_EQ(Next(&outbox_, connection), "1: a b c");
  connection = outbox_.NewConnection(2);
  EXPECT_EQ(Next(&outbox_, connection), "3: c");
  outbox_.Append("d");
  EXPECT_EQ(Next(&outbox_, connection), "4: d");
}

TEST_F(OutboxTest, OtherMessagesGoFirstAndBelongToTheirConnection) {
  int64_t connection = outbox_.NewConnection(0);
  outbox_.Append("a");
  outbox_.Send({});
  EXPECT_EQ(Next(&outbox_, connection), "message");
  EXPECT_EQ(Next(&outbox_, connection), "1: a");
  outbox_.Send({});
  connection = outbox_.NewConnection(1);
  EXPECT_EQ(Next(&outbox_, connection), "timeout");
}

TEST_F(OutboxTest, BlocksWhileTooMuchIsNotDurable) {
  outbox_.Append(std::string(1001, 'x'));
  bool appended = false;
  std::thread trainer([&] {
    outbox_.Append("y");
    appended = true;
  });
  EXPECT_FALSE(outbox_.WaitAcknowledged(kSecond / 100));
  EXPECT_EQ(Next(&outbox_, outbox_.NewConnection(0)).substr(0, 5), "1: xx");
  outbox_.Acknowledge(1);
  trainer.join();
  EXPECT_TRUE(appended);
  outbox_.Acknowledge(2);
  EXPECT_TRUE(outbox_.WaitAcknowledged(0));
}

TEST_F(OutboxTest, AbandonedItBlocksNoLonger) {
  outbox_.Append(std::string(1001, 'x'));
  std::thread trainer([&] { outbox_.Append("y"); });
  outbox_.Abandon();
  trainer.join();
  EXPECT_FALSE(outbox_.WaitAcknowledged(kSecond));
}

TEST_F(OutboxTest, ClosingEndsTheWait) {
  const int64_t connection = outbox_.NewConnection(0);
  std::thread closer([&] { outbox_.Close(); });
  v1::WorkerMessage message;
  EXPECT_EQ(outbox_.Next(connection, 60 * kSecond, &message), Outbox::Taken::kInterrupted);
  closer.join();
}

}  // namespace
}  // namespace descent::worker
