#include "server/daemon/api/pace.h"

#include <gtest/gtest.h>

#include <vector>

namespace descent::daemon {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

// How many messages `watchers` send in a second if each sends whenever it is its turn.
int64_t MessagesInASecond(int watchers) {
  Pace pace;
  std::vector<int64_t> next(watchers, 0), window(watchers, -1);
  int64_t messages = 0;
  for (int64_t now = 0; now < 1200 * kMillisecond; now += kMillisecond / 10) {
    for (int i = 0; i < watchers; ++i) {
      if (now < next[i]) continue;
      next[i] = now + pace.Send(now, &window[i]);
      if (now >= 200 * kMillisecond) ++messages;
    }
  }
  return messages;
}

TEST(Pace, NeverHoldsOneWatcherUp) {
  Pace pace;
  int64_t window = -1;
  for (int64_t now = 0; now < 500 * kMillisecond; now += kMillisecond) {
    EXPECT_EQ(pace.Send(now, &window), 0);
  }
}

TEST(Pace, ManyWatchersTogetherSendAboutTwoThousandMessages) {
  for (const int watchers : {2, 8, 64}) {
    EXPECT_NEAR(MessagesInASecond(watchers), 2000, 100) << watchers;
  }
}

TEST(Pace, EverybodyIsSentTwentyMessagesASecond) {
  EXPECT_NEAR(MessagesInASecond(500), 500 * 20, 500);
}

TEST(Pace, ForgetsThoseWhoWatchNoMore) {
  Pace pace;
  int64_t first = -1, second = -1;
  pace.Send(0, &first);
  EXPECT_GT(pace.Send(0, &second), 0);
  EXPECT_GT(pace.Send(150 * kMillisecond, &first), 0);
  EXPECT_EQ(pace.Send(350 * kMillisecond, &first), 0);
}

}  // namespace
}  // namespace descent::daemon
