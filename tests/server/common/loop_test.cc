#include "server/common/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

namespace descent::server {
namespace {

class TurnedClock : public server::Clock {
 public:
  int64_t WallNanos() const override { return nanos_; }
  int64_t MonotonicNanos() const override { return nanos_; }
  std::atomic<int64_t> nanos_ = 0;
};

// Waits until what was posted before, and the timers due then, have run.
void Settle(Loop& loop) {
  for (int i = 0; i < 3; ++i) {
    std::promise<void> ran;
    loop.Post([&] { ran.set_value(); });
    ran.get_future().get();
  }
}

TEST(Loop, RunsTasksInOrder) {
  TurnedClock clock;
  Loop loop(&clock);
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) loop.Post([&order, i] { order.push_back(i); });
  Settle(loop);
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(Loop, RunsTimersWhenTheClockSaysSoEarliestFirst) {
  TurnedClock clock;
  Loop loop(&clock);
  std::vector<int> order;
  loop.PostAfter(20, [&] { order.push_back(20); });
  loop.PostAfter(10, [&] { order.push_back(10); });
  loop.PostAfter(30, [&] { order.push_back(30); });
  Settle(loop);
  EXPECT_THAT(order, testing::IsEmpty());
  clock.nanos_ = 25;
  loop.Wake();
  Settle(loop);
  EXPECT_THAT(order, testing::ElementsAre(10, 20));
}

TEST(Loop, StopRunsWhatWasPostedAndDropsTheRest) {
  TurnedClock clock;
  Loop loop(&clock);
  int ran = 0;
  loop.Post([&] { ++ran; });
  loop.PostAfter(1000, [&] { ++ran; });
  loop.Stop();
  loop.Post([&] { ++ran; });
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace descent::server
