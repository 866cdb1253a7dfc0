#include "server/daemon/launch/local.h"

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
using testing::StartsWith;

class LocalLauncherTest : public testing::Test {
 protected:
  LocalLauncherTest() {
    std::string name = "/tmp/descent-launch-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~LocalLauncherTest() override { std::filesystem::remove_all(folder_); }

  // Makes a launcher of a "worker" that is a shell script.
  std::unique_ptr<Launcher> Make(const std::string& script) {
    const std::string path = folder_ + "/worker";
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    ::chmod(path.c_str(), S_IRWXU);
    auto launcher = LocalLauncher(path, "/socket");
    EXPECT_TRUE(launcher.ok()) << launcher.status();
    return *std::move(launcher);
  }
  std::string Log() {
    std::stringstream text;
    text << std::ifstream(folder_ + "/log").rdbuf();
    return text.str();
  }
  absl::StatusOr<ProcessId> Start(Launcher& launcher) {
    return launcher.Start({.worker_id = "w1", .secret = "s1", .log_path = folder_ + "/log"});
  }
  ProcessExit Run(Launcher& launcher) {
    const auto process = Start(launcher);
    EXPECT_TRUE(process.ok()) << process.status();
    return Wait(launcher, *process);
  }
  static ProcessExit Wait(Launcher& launcher, const ProcessId& process) {
    auto promise = std::make_shared<std::promise<ProcessExit>>();
    launcher.Watch(process, [promise](const ProcessExit& exit) { promise->set_value(exit); });
    auto future = promise->get_future();
    if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
      ADD_FAILURE() << "it did not end";
      return {};
    }
    return future.get();
  }

  std::string folder_;
};

TEST_F(LocalLauncherTest, TellsTheWorkerWhoItIsAndKeepsWhatItSays) {
  auto launcher = Make("echo \"$@\"; echo sorry >&2; exit 3");
  const ProcessExit exit = Run(*launcher);
  EXPECT_TRUE(exit.known);
  EXPECT_EQ(DescribeExit(exit), "exited with status 3");
  EXPECT_EQ(Log(), "--socket /socket --worker_id w1\nsorry\n");
}

// A command line can be read by everybody, an environment by its owner alone.
TEST_F(LocalLauncherTest, TheSecretIsInTheEnvironmentAlone) {
  auto launcher = Make("echo \"$DESCENT_WORKER_SECRET\"; tr '\\0' ' ' < /proc/$$/cmdline");
  EXPECT_TRUE(Run(*launcher).clean());
  EXPECT_THAT(Log(), StartsWith("s1\n"));
  EXPECT_THAT(Log().substr(3), Not(HasSubstr("s1")));
}

TEST_F(LocalLauncherTest, SaysWhichSignalKilledIt) {
  auto launcher = Make("kill -9 $$");
  EXPECT_EQ(DescribeExit(Run(*launcher)), "was killed by signal 9 (SIGKILL)");
}

TEST_F(LocalLauncherTest, WorkersInheritNoDescriptorAndNoSession) {
  // Not marked CLOEXEC, as a careless library would leave it.
  const int careless = ::open("/dev/null", O_RDONLY);
  ::fcntl(careless, F_SETFD, 0);
  auto launcher = Make("ls -l /proc/self/fd; cat /proc/$$/stat");
  EXPECT_TRUE(Run(*launcher).clean());
  ::close(careless);
  EXPECT_THAT(Log(), Not(HasSubstr(std::to_string(careless) + " -> /dev/null")));
  // Fields 1 and 6 of stat: the process is its session's leader.
  std::istringstream stat(Log().substr(Log().rfind(") ") + 2));
  std::string state, parent, group, session;
  stat >> state >> parent >> group >> session;
  EXPECT_EQ(group, session);
  EXPECT_NE(session, std::to_string(::getsid(0)));
}

TEST_F(LocalLauncherTest, EndsAProcessAndNotAnotherOfItsNumber) {
  auto launcher = Make("sleep 60");
  const auto process = Start(*launcher);
  ASSERT_TRUE(process.ok()) << process.status();
  launcher->End({::getpid(), 1});  // this test goes on
  ::kill(static_cast<pid_t>(process->pid), SIGSTOP);
  launcher->End(*process);
  EXPECT_EQ(DescribeExit(Wait(*launcher, *process)), "was killed by signal 9 (SIGKILL)");
  launcher->End(*process);  // gone
}

// A store that was restored beside the one it was copied from names that one's workers.
TEST_F(LocalLauncherTest, WorkersOfAnotherDaemonAreGoneForItAndLiveOn) {
  auto launcher = Make("sleep 60");
  const auto other = LocalLauncher(folder_ + "/worker", "/other");
  ASSERT_TRUE(other.ok()) << other.status();
  const auto process = Start(**other);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(DescribeExit(Wait(*launcher, *process)), "is gone");
  launcher->End(*process);
  EXPECT_EQ(::kill(static_cast<pid_t>(process->pid), 0), 0);
  (*other)->End(*process);
  EXPECT_EQ(DescribeExit(Wait(**other, *process)), "was killed by signal 9 (SIGKILL)");
}

TEST_F(LocalLauncherTest, WatchesProcessesThatAreNotItsChildren) {
  auto launcher = Make("true");
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const ProcessId process{child, ProcessStartTicks(child)};
  EXPECT_GT(process.start_ticks, 0);
  std::promise<ProcessExit> ended;
  launcher->Watch(process, [&](const ProcessExit& exit) { ended.set_value(exit); });
  ::kill(child, SIGKILL);
  const ProcessExit exit = ended.get_future().get();
  EXPECT_FALSE(exit.known);
  EXPECT_EQ(DescribeExit(exit), "is gone");
  ::waitpid(child, nullptr, 0);
  // Gone already, and another process with the same number.
  EXPECT_FALSE(Wait(*launcher, process).known);
  EXPECT_FALSE(Wait(*launcher, {::getpid(), 1}).known);
}

// Clients may have taken all of them: that is no reason to launch nobody, and no sign that a
// process which can't be watched has ended.
TEST_F(LocalLauncherTest, LaunchesAndWatchesThoughDescriptorsRanOut) {
  auto launcher = Make("sleep 60");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  std::vector<int> fillers;
  for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) fillers.push_back(fd);
  const auto process = Start(*launcher);
  std::promise<ProcessExit> ended;
  if (process.ok()) {
    launcher->Watch(*process, [&](const ProcessExit& exit) { ended.set_value(exit); });
  }
  for (const int fd : fillers) ::close(fd);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(process.ok()) << process.status();
  ::kill(static_cast<pid_t>(process->pid), SIGKILL);
  EXPECT_EQ(DescribeExit(ended.get_future().get()), "was killed by signal 9 (SIGKILL)");
}

TEST_F(LocalLauncherTest, AProgramThatIsNotThereIsNamed) {
  const auto launcher = LocalLauncher("/nowhere/descent-worker", "/socket");
  EXPECT_EQ(launcher.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(launcher.status().message()), HasSubstr("/nowhere/descent-worker"));
  EXPECT_THAT(std::string(launcher.status().message()), HasSubstr("--worker_binary"));
}

}  // namespace
}  // namespace descent::daemon
