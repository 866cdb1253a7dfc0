#include "server/daemon/sockets/descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace descent::daemon {
namespace {

TEST(Descriptors, TheSoftLimitIsRaisedToTheHardOne) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlim_t hard = limit.rlim_max;
  limit.rlim_cur = 100;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(DescriptorLimit(), 100);
  const int64_t raised = RaiseDescriptorLimit();
  EXPECT_EQ(raised, DescriptorLimit());
  EXPECT_EQ(static_cast<rlim_t>(raised), hard);
}

TEST(Descriptors, ConnectionsLeaveTheDaemonItsOwn) {
  for (const int64_t descriptors : {64, 128, 256, 1024, 4096, 1 << 20}) {
    for (const int jobs : {1, 4, 64, 1000}) {
      const ConnectionLimits limits = LimitsOf(descriptors, jobs);
      EXPECT_GE(limits.http, 1);
      EXPECT_GE(limits.grpc, 1);
      EXPECT_GE(limits.workers, 1);
      const int64_t left =
          descriptors - limits.http - limits.grpc - limits.workers - kHealthConnections;
      EXPECT_GE(left, std::min<int64_t>(112 + 4 * jobs, descriptors / 2)) << descriptors;
    }
  }
  EXPECT_GE(LimitsOf(1024, 2).grpc, 400);
  EXPECT_EQ(LimitsOf(1 << 20, 2).http, 1024);
  EXPECT_EQ(LimitsOf(1 << 20, 2).workers, 1024);
  EXPECT_EQ(LimitsOf(256, 2).workers, 8);
}

TEST(Descriptors, KnowsWhenThereAreNone) {
  EXPECT_TRUE(CheckDescriptors().ok());
  SpareDescriptor spare;
  ASSERT_TRUE(spare.held());
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(CheckDescriptors().code(), absl::StatusCode::kResourceExhausted);
  spare.Release();
  spare.Take();
  EXPECT_FALSE(spare.held());
  limit.rlim_cur = before;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  spare.Take();
  EXPECT_TRUE(spare.held());
  EXPECT_TRUE(IsOutOfDescriptors(EMFILE));
  EXPECT_TRUE(IsOutOfDescriptors(ENFILE));
  EXPECT_FALSE(IsOutOfDescriptors(ECONNABORTED));
}

TEST(Descriptors, WhatIsHeldIsLentAndTakenBack) {
  HeldDescriptors held(2);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlim_t before = std::exchange(limit.rlim_cur, 64);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  std::vector<int> others;
  const auto open_one = [] { return open("/dev/null", O_RDONLY); };
  for (int fd = 0; (fd = open_one()) >= 0;) others.push_back(fd);
  ASSERT_TRUE(held.Lend());
  const int first = open_one();
  EXPECT_GE(first, 0);
  ASSERT_TRUE(held.Lend());
  const int second = open_one();
  EXPECT_GE(second, 0);
  EXPECT_FALSE(held.Lend());
  held.Fill();  // there is nothing to be had
  EXPECT_FALSE(held.Lend());
  held.TakeBack(first);
  EXPECT_LT(open_one(), 0);  // nobody else has it
  EXPECT_TRUE(held.Lend());
  close(second);
  held.Fill();
  EXPECT_LT(open_one(), 0);
  for (const int fd : others) close(fd);
  limit.rlim_cur = before;
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

}  // namespace
}  // namespace descent::daemon
