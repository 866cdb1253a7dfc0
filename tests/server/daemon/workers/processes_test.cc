#include "server/daemon/workers/processes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <string>
#include <vector>

namespace descent::daemon {
namespace {

using testing::HasSubstr;
using testing::Not;

class ProcessesTest : public testing::Test {
 protected:
  ProcessesTest() {
    std::string name = "/tmp/descent-processes-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~ProcessesTest() override { std::filesystem::remove_all(folder_); }

  // A "worker": a shell script.
  std::unique_ptr<Processes> Make(const std::string& script) {
    const std::string path = folder_ + "/worker";
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    ::chmod(path.c_str(), S_IRWXU);
    auto processes = SystemProcesses(path, "/socket");
    EXPECT_TRUE(processes.ok()) << processes.status();
    return *std::move(processes);
  }
  std::string Log() {
    std::stringstream text;
    text << std::ifstream(folder_ + "/log").rdbuf();
    return text.str();
  }
  ProcessExit Run(Processes& processes) {
    const auto process = processes.Launch("w1", folder_ + "/log");
    EXPECT_TRUE(process.ok()) << process.status();
    return Wait(processes, *process);
  }
  static ProcessExit Wait(Processes& processes, const ProcessId& process) {
    auto promise = std::make_shared<std::promise<ProcessExit>>();
    processes.Watch(process, [promise](const ProcessExit& exit) { promise->set_value(exit); });
    auto future = promise->get_future();
    if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
      ADD_FAILURE() << "it did not end";
      return {};
    }
    return future.get();
  }

  std::string folder_;
};

TEST_F(ProcessesTest, TellsTheWorkerWhoItIsAndKeepsWhatItSays) {
  auto processes = Make("echo \"$@\"; echo sorry >&2; exit 3");
  const ProcessExit exit = Run(*processes);
  EXPECT_TRUE(exit.known);
  EXPECT_EQ(DescribeExit(exit), "exited with status 3");
  EXPECT_EQ(Log(), "--socket /socket --worker_id w1\nsorry\n");
}

TEST_F(ProcessesTest, SaysWhichSignalKilledIt) {
  auto processes = Make("kill -9 $$");
  EXPECT_EQ(DescribeExit(Run(*processes)), "was killed by signal 9 (SIGKILL)");
}

TEST_F(ProcessesTest, WorkersInheritNoDescriptorAndNoSession) {
  // Not marked CLOEXEC, as a careless library would leave it.
  const int careless = ::open("/dev/null", O_RDONLY);
  ::fcntl(careless, F_SETFD, 0);
  auto processes = Make("ls -l /proc/self/fd; cat /proc/$$/stat");
  EXPECT_TRUE(Run(*processes).clean());
  ::close(careless);
  EXPECT_THAT(Log(), Not(HasSubstr(std::to_string(careless) + " -> /dev/null")));
  // Fields 1 and 6 of stat: the process is its session's leader.
  std::istringstream stat(Log().substr(Log().rfind(") ") + 2));
  std::string state, parent, group, session;
  stat >> state >> parent >> group >> session;
  EXPECT_EQ(group, session);
  EXPECT_NE(session, std::to_string(::getsid(0)));
}

TEST_F(ProcessesTest, WatchesProcessesThatAreNotItsChildren) {
  auto processes = Make("true");
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const ProcessId process{child, ProcessStartTicks(child)};
  EXPECT_GT(process.start_ticks, 0);
  std::promise<ProcessExit> ended;
  processes->Watch(process, [&](const ProcessExit& exit) { ended.set_value(exit); });
  ::kill(child, SIGKILL);
  const ProcessExit exit = ended.get_future().get();
  EXPECT_FALSE(exit.known);
  EXPECT_EQ(DescribeExit(exit), "is gone");
  ::waitpid(child, nullptr, 0);
  // Gone already, and another process with the same number.
  EXPECT_FALSE(Wait(*processes, process).known);
  EXPECT_FALSE(Wait(*processes, {::getpid(), 1}).known);
}

// Clients may have taken all of them: that is no reason to launch nobody, and no sign that a
// process which can't be watched has ended.
TEST_F(ProcessesTest, LaunchesAndWatchesThoughDescriptorsRanOut) {
  auto processes = Make("sleep 60");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  std::vector<int> fillers;
  for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) fillers.push_back(fd);
  const auto process = processes->Launch("w1", folder_ + "/log");
  std::promise<ProcessExit> ended;
  if (process.ok()) {
    processes->Watch(*process, [&](const ProcessExit& exit) { ended.set_value(exit); });
  }
  for (const int fd : fillers) ::close(fd);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(process.ok()) << process.status();
  ::kill(static_cast<pid_t>(process->pid), SIGKILL);
  EXPECT_EQ(DescribeExit(ended.get_future().get()), "was killed by signal 9 (SIGKILL)");
}

TEST_F(ProcessesTest, AProgramThatIsNotThereIsNamed) {
  const auto processes = SystemProcesses("/nowhere/descent-worker", "/socket");
  EXPECT_EQ(processes.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(processes.status().message()), HasSubstr("/nowhere/descent-worker"));
  EXPECT_THAT(std::string(processes.status().message()), HasSubstr("--worker_binary"));
}

}  // namespace
}  // namespace descent::daemon
