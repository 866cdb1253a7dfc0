// Most of it is tried on a folder of plain files that looks like a cgroup's. What the kernel does
// with such files is tried where this test may make groups that count memory, and skipped
// elsewhere.

#include "server/daemon/launch/memory_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/daemon/launch/local.h"
#include "server/daemon/launch/memory_limit.h"

namespace descent::daemon {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr int64_t kGiB = int64_t{1} << 30;

TEST(MemoryLimitTest, IsAnAmountOrAShare) {
  EXPECT_EQ(*ParseMemoryLimit("6G", kGiB), 6 * kGiB);
  EXPECT_EQ(*ParseMemoryLimit("1.5GiB", kGiB), kGiB * 3 / 2);
  EXPECT_EQ(*ParseMemoryLimit("512m", kGiB), kGiB / 2);
  EXPECT_EQ(*ParseMemoryLimit("2t", kGiB), 2048 * kGiB);
  EXPECT_EQ(*ParseMemoryLimit("300000000", kGiB), 300'000'000);
  EXPECT_EQ(*ParseMemoryLimit("50%", 8 * kGiB), 4 * kGiB);
  EXPECT_EQ(*ParseMemoryLimit("none", kGiB), 0);
}

TEST(MemoryLimitTest, IsRefusedInASentence) {
  for (const char* text : {"", "G", "6X", "-1G", "nan", "inf", "120%", "6 giga", "%"}) {
    const auto limit = ParseMemoryLimit(text, kGiB);
    EXPECT_EQ(limit.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(limit.status().message()), EndsWith("it is like 6G, 90% or none"));
  }
  EXPECT_EQ(ParseMemoryLimit("6K", kGiB).status().message(),
            "6K is less than a worker needs to start: at least 256M");
}

void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string Read(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class MemoryGroupsTest : public testing::Test {
 protected:
  MemoryGroupsTest() {
    std::string name = "/tmp/descent-groups-XXXXXX";
    folder_ = mkdtemp(name.data());
    Write(folder_ + "/cgroup.controllers", "cpu memory pids\n");
    Write(folder_ + "/cgroup.procs", absl::StrCat(getpid(), "\n"));
    Write(folder_ + "/cgroup.subtree_control", "");
    MakeGroup("daemon");
  }
  ~MemoryGroupsTest() override { std::filesystem::remove_all(folder_); }

  // The kernel makes these files with the folder.
  std::string MakeGroup(const std::string& name) {
    std::string group = absl::StrCat(folder_, "/", name);
    std::filesystem::create_directory(group);
    for (const char* file : {"cgroup.procs", "memory.max", "memory.swap.max", "memory.oom.group"}) {
      Write(absl::StrCat(group, "/", file), "");
    }
    return group;
  }

  std::string folder_;
};

TEST_F(MemoryGroupsTest, PartsTheDaemonsGroupAndLimitsWorkers) {
  const std::string there = MakeGroup("worker-old");
  const auto groups = MemoryGroups::TakeOver(folder_, 2 * kGiB);
  ASSERT_TRUE(groups.ok()) << groups.status();
  EXPECT_EQ(Read(folder_ + "/daemon/cgroup.procs"), std::to_string(getpid()));
  EXPECT_EQ(Read(folder_ + "/cgroup.subtree_control"), "+memory");
  EXPECT_EQ(Read(there + "/memory.max"), "2147483648");

  const std::string expected = MakeGroup("worker-w1");
  const auto group = (*groups)->Add("w1", 1234);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(*group, expected);
  EXPECT_EQ(Read(expected + "/memory.max"), "2147483648");
  EXPECT_EQ(Read(expected + "/memory.swap.max"), "0");
  EXPECT_EQ(Read(expected + "/memory.oom.group"), "1");
  EXPECT_EQ(Read(expected + "/cgroup.procs"), "1234");
  EXPECT_EQ((*groups)->Of(getpid()), "");
}

TEST_F(MemoryGroupsTest, ReadsWhyAProcessWasKilled) {
  const std::string group = MakeGroup("worker-w1");
  EXPECT_EQ(MemoryGroups::KillIn(group), MemoryGroups::Kill::kNone);
  Write(group + "/memory.events", "low 0\nhigh 0\nmax 31\noom 2\noom_kill 0\noom_group_kill 0\n");
  EXPECT_EQ(MemoryGroups::KillIn(group), MemoryGroups::Kill::kNone);
  Write(group + "/memory.events", "low 0\nhigh 0\nmax 31\noom 2\noom_kill 1\noom_group_kill 1\n");
  EXPECT_EQ(MemoryGroups::KillIn(group), MemoryGroups::Kill::kOverLimit);
  Write(group + "/memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n");
  EXPECT_EQ(MemoryGroups::KillIn(group), MemoryGroups::Kill::kMachine);
}

TEST_F(MemoryGroupsTest, LeavesAloneWhatIsNotTheDaemons) {
  Write(folder_ + "/cgroup.procs", absl::StrCat(getpid(), "\n1\n"));
  EXPECT_THAT(std::string(MemoryGroups::TakeOver(folder_, kGiB).status().message()),
              HasSubstr("is not descentd's alone, process 1 is in it"));
  Write(folder_ + "/cgroup.controllers", "cpu pids\n");
  EXPECT_THAT(std::string(MemoryGroups::TakeOver(folder_, kGiB).status().message()),
              HasSubstr("doesn't count memory"));
  EXPECT_EQ(Read(folder_ + "/daemon/cgroup.procs"), "");
}

TEST_F(MemoryGroupsTest, AGroupThatCantBeMadeLeavesNothing) {
  const auto groups = MemoryGroups::TakeOver(folder_, kGiB);
  ASSERT_TRUE(groups.ok()) << groups.status();
  EXPECT_FALSE((*groups)->Add("w1", 1234).ok());  // without the files that the kernel makes
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/worker-w1"));
}

TEST_F(MemoryGroupsTest, FindsTheDaemonsOwnGroup) {
  std::filesystem::create_directory(folder_ + "/self");
  const std::string mounts =
      "22 1 0:20 / /proc rw - proc proc rw\n"
      "31 23 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
  const auto own = [&](const std::string& group, const std::string& mountinfo) {
    Write(folder_ + "/self/cgroup", group);
    Write(folder_ + "/self/mountinfo", mountinfo);
    return OwnGroup(folder_).value_or("none");
  };
  EXPECT_EQ(own("0::/system.slice/descentd.service\n", mounts),
            "/sys/fs/cgroup/system.slice/descentd.service");
  EXPECT_EQ(
      own("4:memory:/x\n0::/a\n", "31 23 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"),
      "/sys/fs/cgroup/unified/a");
  EXPECT_EQ(own("0::/pod/a\n", "31 23 0:27 /pod /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            "/sys/fs/cgroup/a");
  EXPECT_EQ(own("0::/\n", mounts), "none");
  EXPECT_EQ(own("4:memory:/x\n", mounts), "none");
  EXPECT_EQ(own("0::/a\n", "22 1 0:20 / /proc rw - proc proc rw\n"), "none");
}

TEST_F(MemoryGroupsTest, AShareIsOfWhatTheGroupMayHave) {
  Write(folder_ + "/memory.max", "400000000\n");
  Write(MakeGroup("daemon") + "/memory.max", "max\n");
  EXPECT_EQ(MemoryOf(folder_ + "/daemon"), 400'000'000);
  EXPECT_GT(MemoryOf("/nowhere"), 0);
}

TEST_F(MemoryGroupsTest, TheLauncherSaysTheLimitAndWhyAWorkerWasKilled) {
  Write(folder_ + "/worker", "#!/bin/sh\nkill -9 $$\n");
  chmod((folder_ + "/worker").c_str(), S_IRWXU);
  auto groups = MemoryGroups::TakeOver(folder_, 2 * kGiB);
  ASSERT_TRUE(groups.ok()) << groups.status();
  const std::string group = MakeGroup("worker-w1");
  Write(group + "/memory.events", "oom 1\noom_kill 1\n");
  const auto launcher = LocalLauncher(folder_ + "/worker", "/socket", {}, *std::move(groups));
  ASSERT_TRUE(launcher.ok()) << launcher.status();
  const auto process =
      (*launcher)->Start({.worker_id = "w1", .secret = "s1", .log_path = folder_ + "/log"});
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(Read(group + "/cgroup.procs"), std::to_string(process->pid));
  EXPECT_EQ((*launcher)->MemoryLimit(*process), 2 * kGiB);
  std::promise<ProcessExit> ended;
  (*launcher)->Watch(*process, [&](const ProcessExit& exit) { ended.set_value(exit); });
  auto exit = ended.get_future();
  ASSERT_EQ(exit.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_EQ(DescribeExit(exit.get()), "was killed for memory: over its limit of 2.1 GB");
  EXPECT_EQ((*launcher)->MemoryLimit(*process), 0);
}

// Makes a group for one test where the kernel lets it, in the first group that counts memory and
// has no processes' limits in its way; empty where it doesn't.
std::string RealGroup() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string device, folder, type, rest; mounts >> device >> folder >> type;) {
    std::getline(mounts, rest);
    if (type != "cgroup2") continue;
    if (!absl::StrContains(Read(folder + "/cgroup.subtree_control"), "memory")) continue;
    std::string group = absl::StrCat(folder, "/descent-test-", getpid());
    if (mkdir(group.c_str(), S_IRWXU) == 0) return group;
  }
  return "";
}

TEST(RealMemoryGroupsTest, AWorkerIsKilledOverItsLimit) {
  const std::string group = RealGroup();
  if (group.empty()) {
    GTEST_SKIP() << "no cgroup (version 2) here that counts memory and may be parted";
  }
  // The daemon of this test is a process of its own: it is moved for good.
  const pid_t child = fork();
  if (child == 0) {
    std::ofstream(group + "/cgroup.procs") << getpid() << std::flush;
    auto groups = MemoryGroups::TakeOver(group, 256 << 20);
    if (!groups.ok()) _exit(2);
    const pid_t worker = fork();
    if (worker == 0) {
      pause();
      _exit(0);
    }
    const auto own = (*groups)->Add("w1", worker);
    const pid_t eater = own.ok() ? fork() : -1;
    if (eater == 0) {
      std::ofstream(*own + "/cgroup.procs") << getpid() << std::flush;
      for (int i = 0; i < 64; ++i) {
        void* memory = mmap(nullptr, 16 << 20, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (memory == MAP_FAILED) _exit(1);
      }
      _exit(0);
    }
    if (eater < 0) kill(worker, SIGKILL);
    int status = 0;
    waitpid(worker, &status, 0);  // all of the group goes
    waitpid(eater, nullptr, 0);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
                        MemoryGroups::KillIn(*own) == MemoryGroups::Kill::kOverLimit;
    MemoryGroups::Remove(*own);
    _exit(killed ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  for (const char* part : {"/worker-w1", "/daemon", ""}) rmdir((group + part).c_str());
}

}  // namespace
}  // namespace descent::daemon
