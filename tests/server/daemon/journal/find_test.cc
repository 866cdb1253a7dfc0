// Tests that requests and evaluations are found among many rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "tests/server/daemon/journal/journal_testing.h"
#include "tests/server/daemon/journal/store_fixture.h"

namespace descent::daemon {
namespace {

using ::testing::IsEmpty;

using FindTest = StoreTest;

PendingEvent MakeEvaluation(int64_t iteration, int32_t branch = 0) {
  v1::Event event;
  event.set_branch(branch);
  event.mutable_evaluation()->set_iteration(iteration);
  event.mutable_evaluation()->set_dataset("test");
  return ToPending(event);
}

TEST_F(FindTest, RequestsAndEvaluationsAreFoundByIndex) {
  const std::shared_ptr<JobJournal> a = CreateLong("a");
  CreateLong("b");
  const auto rows = a->FindRequest("r7");
  ASSERT_TRUE(rows.ok()) << rows.status();
  const std::vector<v1::Event> events = EventsOf(*rows);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].command_accepted().request_id(), "r7");
  EXPECT_EQ(events[1].command_applied().iteration(), 79);
  EXPECT_EQ(events[1].revision(), 97);
  EXPECT_THAT(*a->FindRequest("r40"), IsEmpty());
  std::vector<PendingEvent> more;
  more.push_back(MakeEvaluation(5));
  more.push_back(MakeEvaluation(5, 1));
  more.push_back(MakeEvaluation(6));
  ASSERT_TRUE(AppendAndWait(*a, std::move(more)).ok());
  EXPECT_EQ(EventsOf(*a->FindEvaluations(0, 5)).size(), 1u);
  EXPECT_EQ(EventsOf(*a->FindEvaluations(1, 5))[0].branch(), 1);
  EXPECT_THAT(*a->FindEvaluations(1, 6), IsEmpty());
}

}  // namespace
}  // namespace descent::daemon
