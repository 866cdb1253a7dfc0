#include "server/common/process_stat.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

namespace descent::server {
namespace {

TEST(ProcessStat, IsOfAProcess) {
  const std::optional<ProcessStat> stat = ReadProcessStat(getpid());
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->state, 'R');
  EXPECT_GE(stat->threads, 1);
  EXPECT_GT(stat->start_ticks, 0);
  EXPECT_GT(stat->resident_bytes, 0);
  EXPECT_GT(stat->virtual_bytes, stat->resident_bytes);
}

TEST(ProcessStat, ANameMayHoldAnything) {
  const int64_t start = ReadProcessStat(getpid())->start_ticks;
  ASSERT_EQ(prctl(PR_SET_NAME, ") Z 1 (x\n"), 0);
  const std::optional<ProcessStat> stat = ReadProcessStat(getpid());
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->state, 'R');
  EXPECT_EQ(stat->start_ticks, start);
}

TEST(ProcessStat, OfOneThatHasEndedUntilItsParentLooks) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  ASSERT_TRUE(ReadProcessStat(child).has_value());
  EXPECT_EQ(ReadProcessStat(child)->state, 'Z');
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(ReadProcessStat(child).has_value());
}

}  // namespace
}  // namespace descent::server
