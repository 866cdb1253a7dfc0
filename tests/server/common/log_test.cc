#include "server/common/log.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace descent::server {
namespace {

TEST(LogTest, LineHasTimeSeverityWhereAndText) {
  // 2026-11-21T10:00:00Z
  EXPECT_EQ(LogLine(1'795'255'200'123'456'789, Severity::kWarning, "jobs/x", "slow"),
            "2026-11-21T10:00:00.123Z WARNING jobs/x: slow\n");
}

TEST(LogTest, LineBreaksInTheTextDoNotBreakTheLine) {
  EXPECT_EQ(LogLine(0, Severity::kInfo, "journal", "one\ntwo"),
            "1970-01-01T00:00:00.000Z INFO journal: one\\ntwo\n");
}

TEST(LogTest, WhatActsOnATerminalIsNotInALine) {
  EXPECT_EQ(LogLine(0, Severity::kInfo, "jobs", "by a\u202Eb\x1B[31m of caf\xE9"),
            "1970-01-01T00:00:00.000Z INFO jobs: by a?b?[31m of caf\uFFFD\n");
}

TEST(LogTest, LinesOfManyThreadsComeWhole) {
  std::vector<std::string> lines;
  SetLogSink([&](const std::string& line) { lines.push_back(line); });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int k = 0; k < 100; ++k) LogInfo("test", "text");
    });
  }
  for (std::thread& thread : threads) thread.join();
  SetLogSink({});
  ASSERT_EQ(lines.size(), 400u);
  for (const std::string& line : lines) EXPECT_TRUE(line.ends_with(" INFO test: text\n")) << line;
}

}  // namespace
}  // namespace descent::server
