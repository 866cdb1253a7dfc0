#include "server/worker/session/journalist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/common/limits.h"

namespace descent::worker {
namespace {

using ::descent::v1::Event;

Event Notice(size_t bytes) {
  Event event;
  event.mutable_notice()->set_message(std::string(bytes, 'x'));
  return event;
}

// What can't be sent is not resent for ever: it is said, and the sequence has no gap.
TEST(JournalistTest, AnEventThatIsTooLargeIsNotWrittenNorWhatComesAfterIt) {
  Outbox outbox(size_t{64} << 20, Clock::Real());
  outbox.Begin("jobs/a", 1);
  const int64_t connection = outbox.NewConnection(0);
  Journalist journalist(1, 0, &outbox, Clock::Real());
  journalist.Write(Notice(10));
  journalist.Write(std::vector<Event>{Notice(20), Notice(server::kMaxEventBytes)});
  journalist.Write(Notice(30));
  EXPECT_THAT(journalist.TakeTooLarge(),
              testing::AllOf(testing::HasSubstr("(notice)"), testing::HasSubstr("1048576")));
  EXPECT_EQ(journalist.TakeTooLarge(), "");
  journalist.Write(Notice(40));
  for (int i = 0; i < 200'000; ++i) journalist.iteration()->add_scalars(i);
  journalist.WriteIteration();
  EXPECT_THAT(journalist.TakeTooLarge(), testing::HasSubstr("(iteration)"));
  journalist.iteration()->clear_scalars();
  journalist.WriteIteration();

  v1::WorkerMessage message;
  ASSERT_EQ(outbox.Next(connection, 0, &message), Outbox::Taken::kMessage);
  EXPECT_EQ(message.events().first_sequence(), 1);
  std::vector<int64_t> sequences;
  std::vector<size_t> sizes;
  for (const std::string& bytes : message.events().events()) {
    Event event;
    ASSERT_TRUE(event.ParseFromString(bytes));
    sequences.push_back(event.sequence());
    sizes.push_back(event.notice().message().size());
  }
  EXPECT_THAT(sequences, testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(sizes, testing::ElementsAre(10, 40, 0));
}

}  // namespace
}  // namespace descent::worker
