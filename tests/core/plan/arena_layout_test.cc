#include "core/plan/arena_layout.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace descent {
namespace {

constexpr int64_t kAlignment = 64;

TEST(ArenaLayoutTest, BuffersThatLiveOneAfterTheOtherShareMemory) {
  const ArenaLayout layout = LayOut({{100, 0, 1}, {100, 2, 3}, {100, 3, 4}}, kAlignment);
  EXPECT_EQ(layout.offsets[0], 0);
  EXPECT_EQ(layout.offsets[1], 0);
  EXPECT_EQ(layout.offsets[2], 128);
  EXPECT_EQ(layout.bytes, 256);
}

TEST(ArenaLayoutTest, NothingTakesNoMemory) {
  EXPECT_EQ(LayOut({}, kAlignment).bytes, 0);
  EXPECT_EQ(LayOut({{0, 0, 9}, {0, 0, 9}}, kAlignment).bytes, 0);
}

TEST(ArenaLayoutTest, WhatLivesAtTheSameTimeNeverOverlaps) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> buffers;
    int64_t sum = 0;
    for (int i = 0; i < 30; ++i) {
      const size_t first = random() % 20;
      buffers.push_back({static_cast<int64_t>(1 + random() % 1000), first, first + random() % 8});
      sum += buffers.back().bytes + kAlignment;
    }
    const ArenaLayout layout = LayOut(buffers, kAlignment);
    EXPECT_LT(layout.bytes, sum);
    for (size_t i = 0; i < buffers.size(); ++i) {
      EXPECT_EQ(layout.offsets[i] % kAlignment, 0);
      EXPECT_LE(layout.offsets[i] + buffers[i].bytes, layout.bytes);
      for (size_t j = 0; j < i; ++j) {
        const bool together =
            buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
        const bool apart = layout.offsets[i] + buffers[i].bytes <= layout.offsets[j] ||
                           layout.offsets[j] + buffers[j].bytes <= layout.offsets[i];
        EXPECT_TRUE(apart || !together) << i << " and " << j;
      }
    }
  }
}

}  // namespace
}  // namespace descent
