#include "core/device/device.h"

#include <string>

#include "ATen/Context.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

TEST(DeviceTest, TheCpuIsAlwaysThere) {
  EXPECT_EQ(DeviceNames().front(), "cpu");
  const auto cpu = DeviceFromName("cpu");
  ASSERT_TRUE(cpu.ok()) << cpu.status();
  EXPECT_TRUE(cpu->is_cpu());
}

TEST(DeviceTest, WhatIsNoNameIsRefused) {
  for (const char* name : {"", "tpu", "CPU", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:00",
                           "cuda:01", "cuda:1 ", "cuda:99999999999999999999", "cuda0", "meta"}) {
    const auto device = DeviceFromName(name);
    EXPECT_EQ(device.status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(device.status().message()), HasSubstr("is no device; give cpu"));
  }
}

TEST(DeviceTest, AGpuThatIsNotThereIsRefused) {
  const auto device = DeviceFromName("cuda:99");
  EXPECT_EQ(device.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(device.status().message()),
              HasSubstr("\"cuda:99\" is not here; this worker computes on cpu"));
}

TEST(DeviceTest, GpusAreNumbered) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  for (const char* name : {"cuda", "cuda:0"}) {
    const auto gpu = DeviceFromName(name);
    ASSERT_TRUE(gpu.ok()) << gpu.status();
    EXPECT_EQ(gpu->str(), "cuda:0");
  }
}

}  // namespace
}  // namespace descent
