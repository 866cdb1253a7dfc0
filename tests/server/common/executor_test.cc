#include "server/common/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

namespace descent::server {
namespace {

TEST(Executor, OneThreadRunsInTheOrderOfPosting) {
  std::vector<int> order;
  Executor executor(1);
  for (int i = 0; i < 5; ++i) executor.Post([&order, i] { order.push_back(i); });
  executor.Stop();
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(Executor, OneThatWaitsDoesNotHoldUpTheOthers) {
  std::promise<void> opened;
  std::promise<void> ran;
  Executor executor(2);
  executor.Post([&] { opened.get_future().wait(); });
  executor.Post([&] { ran.set_value(); });
  ran.get_future().wait();
  opened.set_value();
}

TEST(Executor, StopRunsWhatWasPostedAndDropsWhatIsPostedLater) {
  std::atomic<int> runs = 0;
  Executor executor(2);
  for (int i = 0; i < 10; ++i) executor.Post([&] { ++runs; });
  executor.Stop();
  EXPECT_EQ(runs, 10);
  executor.Post([&] { ++runs; });
  executor.Stop();
  EXPECT_EQ(runs, 10);
}

}  // namespace
}  // namespace descent::server
