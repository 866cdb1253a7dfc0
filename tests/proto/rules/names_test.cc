#include "proto/rules/names.h"

#include <gtest/gtest.h>

namespace descent::rules {
namespace {

TEST(JobNames, AreTheCollectionAndAnId) {
  EXPECT_EQ(JobName("calm-otter-4f2a"), "jobs/calm-otter-4f2a");
  EXPECT_EQ(JobIdOf("jobs/calm-otter-4f2a"), "calm-otter-4f2a");
  for (const char* name :
       {"", "jobs/", "x", "job/x", "jobs/X", "jobs/x/", "jobs/x/checkpoints/0-1"}) {
    EXPECT_EQ(JobIdOf(name), std::nullopt) << name;
  }
}

TEST(JobNames, IdsAreLowerCaseFromALetterOn) {
  for (const std::string& id : {std::string("a"), std::string("a1"), std::string("a-b"),
                                std::string("a--b"), std::string(63, 'a')}) {
    EXPECT_TRUE(IsJobId(id)) << id;
  }
  for (const std::string& id :
       {std::string(), std::string("1a"), std::string("-a"), std::string("a-"), std::string("A"),
        std::string("a_b"), std::string("a.b"), std::string("\xC3\xA4"), std::string(64, 'a')}) {
    EXPECT_FALSE(IsJobId(id)) << id;
  }
}

TEST(JobNames, OneThatWouldDoIsNamed) {
  EXPECT_TRUE(WhyNoJobId("Boston_ws").ends_with(": boston-ws, say")) << WhyNoJobId("Boston_ws");
  EXPECT_TRUE(WhyNoJobId("1st run!").ends_with(": st-run, say")) << WhyNoJobId("1st run!");
  EXPECT_TRUE(WhyNoJobId("_1_").ends_with("ending in a hyphen")) << WhyNoJobId("_1_");
}

TEST(RequestIds, ArePrintable) {
  EXPECT_TRUE(IsPrintableAscii(" a~"));
  for (const char* text : {"a\n", "\x7F", "\xC3\xA4"}) EXPECT_FALSE(IsPrintableAscii(text)) << text;
}

TEST(CheckpointNames, AreBranchAndIteration) {
  EXPECT_EQ(CheckpointName(0, 1'000'000), "0-1000000");
  EXPECT_EQ(CheckpointPath("/data/jobs/x/checkpoints", CheckpointName(2, 5)),
            "/data/jobs/x/checkpoints/2-5.safetensors");
}

}  // namespace
}  // namespace descent::rules
