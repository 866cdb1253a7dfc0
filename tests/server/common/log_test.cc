#include "server/common/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace descent::server {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kTime = 1'795'255'200'123'456'789;  // 2026-11-21T10:00:00Z

TEST(LogTest, LineHasTimeSeverityWhereAndText) {
  EXPECT_EQ(LogLine(LogFormat::kText, kTime, Severity::kWarning, {.job = "jobs/x"}, "slow"),
            "2026-11-21T10:00:00.123Z WARNING jobs/x: slow\n");
}

TEST(LogTest, LineBreaksInTheTextDoNotBreakTheLine) {
  EXPECT_EQ(LogLine(LogFormat::kText, 0, Severity::kInfo, {.source = "journal"}, "one\ntwo"),
            "1970-01-01T00:00:00.000Z INFO journal: one\\ntwo\n");
}

TEST(LogTest, WhatActsOnATerminalIsNotInALine) {
  EXPECT_EQ(LogLine(LogFormat::kText, 0, Severity::kInfo, {.source = "jobs"},
                    "by a\u202Eb\x1B[31m of caf\xE9"),
            "1970-01-01T00:00:00.000Z INFO jobs: by a?b?[31m of caf\uFFFD\n");
}

TEST(LogTest, TheIdsThatASentenceLacksFollowIt) {
  EXPECT_EQ(LogLine(LogFormat::kText, 0, Severity::kInfo,
                    {.job = "jobs/x",
                     .attempt = 2,
                     .revision = 9,
                     .request_id = "r 1",
                     .principal = "ann@box",
                     .trace = "4bf92f3577b34da6a3ce929d0e0e4736"},
                    "accepted: set"),
            "1970-01-01T00:00:00.000Z INFO jobs/x: accepted: set [revision=9 request_id=\"r 1\" "
            "principal=ann@box trace=4bf92f3577b34da6a3ce929d0e0e4736]\n");
}

TEST(LogTest, JsonIsOneObjectALineWithWhatApplies) {
  EXPECT_EQ(LogLine(LogFormat::kJson, kTime, Severity::kError,
                    {.source = "jobs",
                     .job = "jobs/x",
                     .attempt = 2,
                     .revision = 9,
                     .request_id = "r\"1",
                     .principal = "ann"},
                    "one\ntwo\\three\x1B"),
            R"({"time":"2026-11-21T10:00:00.123Z","severity":"ERROR","source":"jobs",)"
            R"("job":"jobs/x","attempt":2,"revision":9,"request_id":"r\"1","principal":"ann",)"
            R"("message":"one\ntwo\\three?"})"
            "\n");
  EXPECT_EQ(LogLine(LogFormat::kJson, 0, Severity::kInfo, {.source = "http"}, ""),
            R"({"time":"1970-01-01T00:00:00.000Z","severity":"INFO","source":"http","message":""})"
            "\n");
}

TEST(LogTest, FormatsHaveWords) {
  LogFormat format = LogFormat::kText;
  EXPECT_TRUE(ParseLogFormat("json", &format));
  EXPECT_EQ(format, LogFormat::kJson);
  EXPECT_TRUE(ParseLogFormat("text", &format));
  EXPECT_EQ(format, LogFormat::kText);
  EXPECT_FALSE(ParseLogFormat("JSON", &format));
}

TEST(LogTest, DefaultsFillWhatALineOfJsonDoesNotSay) {
  std::vector<std::string> lines;
  SetLogSink([&](const std::string& line) { lines.push_back(line); });
  SetLogDefaults("jobs/x", 3, "4bf92f3577b34da6a3ce929d0e0e4736");
  LogInfo("session", "text");
  SetLogFormat(LogFormat::kJson);
  LogInfo("session", "json");
  LogInfo({.job = "jobs/y", .attempt = 4}, "another");
  SetLogFormat(LogFormat::kText);
  SetLogDefaults("", 0, "");
  SetLogSink({});
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[0].ends_with(" INFO session: text\n")) << lines[0];
  EXPECT_THAT(lines[1],
              HasSubstr(R"("source":"session","job":"jobs/x","attempt":3,"trace":"4bf9)"));
  EXPECT_THAT(lines[2], HasSubstr(R"("job":"jobs/y","attempt":4,)"));
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
