// Confines processes of its own, whose end says what they could still do. What this kernel can't do
// is skipped, with the reason.

#include "server/worker/confinement/confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace descent::worker {
namespace {

// Runs it in a process of its own; true if it gave true there.
bool InChild(const std::function<bool()>& act) {
  const pid_t child = fork();
  if (child == 0) _exit(act() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool Opens(const std::string& path, int flags) {
  const int opened = open(path.c_str(), flags | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (opened >= 0) close(opened);
  return opened >= 0;
}

bool Reads(const std::string& path) { return Opens(path, O_RDONLY); }
bool Lists(const std::string& path) { return Opens(path, O_RDONLY | O_DIRECTORY); }
bool Makes(const std::string& path) { return Opens(path, O_RDWR | O_CREAT | O_TRUNC); }

std::string MakeFolder() {
  std::string name = "/tmp/descent-confine-XXXXXX";
  return mkdtemp(name.data());
}

class ConfinementTest : public ::testing::Test {
 protected:
  ConfinementTest() {
    std::filesystem::create_directories(daemon_ + "/jobs/mine/checkpoints");
    std::filesystem::create_directories(daemon_ + "/jobs/other");
    std::filesystem::create_directories(folder_ + "/data/deep");
    for (const std::string& path :
         {daemon_ + "/admin.token", daemon_ + "/jobs/other/0-1.safetensors",
          daemon_ + "/jobs/mine/checkpoints/0-1.safetensors", folder_ + "/beside.csv",
          folder_ + "/data/deep/train.csv"}) {
      std::ofstream(path) << "1,2\n";
    }
  }
  ~ConfinementTest() override { std::filesystem::remove_all(folder_); }

  void SetUp() override {
    if (!CanConfineFiles()) GTEST_SKIP() << "this kernel has no Landlock";
  }

  // Runs it in a process that is confined to the job `mine`.
  bool Confined(std::vector<std::string> readable, const std::function<bool()>& act) {
    return InChild([&] {
      return GiveUpPrivileges() &&
             ConfineFiles({.readable = std::move(readable), .writable = daemon_ + "/jobs/mine"})
                 .ok() &&
             act();
    });
  }

  const std::string folder_ = MakeFolder();
  const std::string daemon_ = folder_ + "/daemon";
};

TEST_F(ConfinementTest, LeavesAJobItsFolder) {
  EXPECT_TRUE(Confined({folder_ + "/data"}, [&] {
    const std::string own = daemon_ + "/jobs/mine/checkpoints";
    return Reads(own + "/0-1.safetensors") && Lists(own) && Makes(own + "/new") &&
           rename((own + "/new").c_str(), (own + "/0-2.safetensors").c_str()) == 0 &&
           unlink((own + "/0-1.safetensors").c_str()) == 0;
  }));
  EXPECT_TRUE(Confined({}, [&] { return Makes(daemon_ + "/jobs/mine/checkpoints/new"); }));
}

TEST_F(ConfinementTest, LeavesTheDataRootsToBeReadAlone) {
  const std::string data = folder_ + "/data/deep/train.csv";
  EXPECT_TRUE(Confined({folder_ + "/data"}, [&] {
    return Reads(data) && Lists(folder_ + "/data") && !Opens(data, O_WRONLY) &&
           !Makes(folder_ + "/data/new") && unlink(data.c_str()) != 0 && errno == EACCES;
  }));
}

TEST_F(ConfinementTest, RefusesWhatIsBesideThem) {
  EXPECT_TRUE(Confined({folder_ + "/data"}, [&] {
    return !Reads(folder_ + "/beside.csv") && !Lists(folder_) && !Reads("/etc/hostname") &&
           !Reads(daemon_ + "/admin.token") && !Reads(daemon_ + "/jobs/other/0-1.safetensors") &&
           !Makes("/tmp/descent-confined") && !Makes(daemon_ + "/jobs/other/new");
  }));
}

TEST_F(ConfinementTest, WithoutRootsLeavesAllToBeRead) {
  EXPECT_TRUE(Confined({}, [&] {
    return Reads(folder_ + "/beside.csv") && Lists(folder_) && Reads("/etc/passwd") &&
           !Opens(folder_ + "/beside.csv", O_WRONLY) && !Makes(folder_ + "/new") &&
           !Makes("/tmp/descent-confined") && !Makes(daemon_ + "/jobs/other/new");
  }));
}

// As whoever writes a file whole does; the attempt may only be about to read it.
TEST_F(ConfinementTest, LeavesFilesThatAreReplacedAfterwards) {
  for (const std::vector<std::string>& readable :
       {std::vector<std::string>{}, {folder_}, {folder_ + "/data"}}) {
    int ready[2];
    int replaced[2];
    ASSERT_TRUE(pipe(ready) == 0 && pipe(replaced) == 0);
    const std::string data = folder_ + "/data/deep/train.csv";
    std::thread other([&] {
      char byte = 0;
      if (read(ready[0], &byte, 1) != 1) return;
      std::ofstream(data + ".new") << "3,4\n";
      rename((data + ".new").c_str(), data.c_str());
      if (write(replaced[1], "x", 1) != 1) return;
    });
    EXPECT_TRUE(Confined(readable, [&] {
      char byte = 0;
      return write(ready[1], "x", 1) == 1 && read(replaced[0], &byte, 1) == 1 && Reads(data);
    }));
    if (write(ready[1], "x", 1) == 1) other.join();
    for (const int end : {ready[0], ready[1], replaced[0], replaced[1]}) close(end);
  }
}

TEST_F(ConfinementTest, LeavesWhatIsSharedWithinTheDaemonsFolder) {
  const std::string shared = daemon_ + "/datasets";
  std::filesystem::create_directory(shared);
  std::ofstream(shared + "/d.csv") << "1,2\n";
  EXPECT_TRUE(InChild([&] {
    return GiveUpPrivileges() &&
           ConfineFiles({.readable = {folder_ + "/data"},
                         .shared = {shared},
                         .writable = daemon_ + "/jobs/mine"})
               .ok() &&
           Reads(shared + "/d.csv") && Lists(shared) && !Makes(shared + "/new") &&
           !Reads(daemon_ + "/admin.token");
  }));
}

TEST_F(ConfinementTest, ASpareGivesUpTheRestOnceItHasAJob) {
  const auto access = [&](const std::string& writable) {
    return FileAccess{.readable = {folder_ + "/data"}, .writable = writable};
  };
  EXPECT_TRUE(InChild([&] {
    if (!GiveUpPrivileges() || !ConfineFiles(access(daemon_ + "/jobs")).ok()) return false;
    std::ofstream(daemon_ + "/../data/late.csv") << "1,2\n";  // refused
    const bool spare = Reads(daemon_ + "/jobs/other/0-1.safetensors") &&
                       !Reads(daemon_ + "/admin.token") && !Reads(folder_ + "/data/late.csv");
    return spare && ConfineFiles(access(daemon_ + "/jobs/mine")).ok() &&
           !Reads(daemon_ + "/jobs/other/0-1.safetensors") && Makes(daemon_ + "/jobs/mine/new") &&
           Reads(folder_ + "/data/deep/train.csv");
  }));
}

TEST_F(ConfinementTest, FollowsLinksToWhereTheyLead) {
  std::filesystem::create_symlink(daemon_ + "/admin.token", folder_ + "/data/token");
  std::filesystem::create_directory_symlink(folder_ + "/data", folder_ + "/link");
  EXPECT_TRUE(Confined({folder_ + "/link"}, [&] {
    return Reads(folder_ + "/link/deep/train.csv") && !Reads(folder_ + "/data/token");
  }));
}

TEST_F(ConfinementTest, HoldsForThreadsThatWereThereBefore) {
  EXPECT_TRUE(InChild([&] {
    GiveUpPrivileges();
    std::atomic<bool> confined = false;
    std::atomic<int> refused = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        while (!confined) std::this_thread::yield();
        if (!Makes(folder_ + "/new")) ++refused;
      });
    }
    const bool done = ConfineFiles({.writable = daemon_ + "/jobs/mine"}).ok();
    confined = true;
    for (std::thread& thread : threads) thread.join();
    return done && refused == 8;
  }));
}

TEST_F(ConfinementTest, LeavesWhatTheSystemIsAskedFor) {
  EXPECT_TRUE(Confined({folder_ + "/data"}, [&] {
    return Reads("/proc/self/maps") && Reads("/proc/cpuinfo") && Opens("/dev/null", O_RDWR) &&
           Lists("/sys/devices/system/cpu");
  }));
}

TEST_F(ConfinementTest, ExecutesNothing) {
  EXPECT_TRUE(Confined({}, [] {
    execl("/bin/true", "true", nullptr);
    return errno == EACCES;
  }));
}

TEST(PrivilegesTest, AreGivenUpForAllThatIsExecuted) {
  EXPECT_TRUE(InChild([] {
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 && GiveUpPrivileges() &&
           prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  }));
}

}  // namespace
}  // namespace descent::worker
