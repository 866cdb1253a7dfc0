#include "server/daemon/main/data_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <string>

namespace descent::daemon {
namespace {

using testing::HasSubstr;

class DataDirTest : public testing::Test {
 protected:
  DataDirTest() {
    std::string name = "/tmp/descent-data-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~DataDirTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(DataDirTest, IsMadeForItsOwnerAlone) {
  const auto data_dir = DataDir::Lock(folder_ + "/a/b/");
  ASSERT_TRUE(data_dir.ok()) << data_dir.status();
  EXPECT_EQ((*data_dir)->path(), folder_ + "/a/b");
  struct stat status{};
  ::stat((folder_ + "/a/b").c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

// The folder's name goes to workers and clients, in strings that must be UTF-8.
TEST_F(DataDirTest, ANameThatIsNotUtf8IsRefused) {
  const auto data_dir = DataDir::Lock(folder_ + "/caf\xE9");
  EXPECT_EQ(data_dir.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(data_dir.status().message()), HasSubstr("/caf\uFFFD is not UTF-8"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/caf\xE9"));
}

TEST_F(DataDirTest, WhatWasThereBeforeIsTakenFromOthers) {
  namespace fs = std::filesystem;
  fs::create_directories(folder_ + "/jobs/mnist/checkpoints");
  const char* const files[] = {"/descent.db", "/descent.db-wal", "/descent.db-shm",
                               "/jobs/mnist/checkpoints/0-5.safetensors"};
  for (const char* file : files) {
    std::ofstream(folder_ + file) << "x";
    fs::permissions(folder_ + file, fs::perms(0666));
  }
  for (const char* folder : {"", "/jobs", "/jobs/mnist", "/jobs/mnist/checkpoints"}) {
    fs::permissions(folder_ + folder, fs::perms(0755));
  }
  std::ofstream(folder_ + "/notes.txt") << "somebody's own";
  fs::permissions(folder_ + "/notes.txt", fs::perms(0644));
  ASSERT_TRUE(DataDir::Lock(folder_).ok());
  for (const char* file : files) {
    EXPECT_EQ(fs::status(folder_ + file).permissions(), fs::perms(0600)) << file;
  }
  for (const char* folder : {"/jobs", "/jobs/mnist", "/jobs/mnist/checkpoints"}) {
    EXPECT_EQ(fs::status(folder_ + folder).permissions(), fs::perms(0700)) << folder;
  }
  EXPECT_EQ(fs::status(folder_).permissions(), fs::perms(0755));
  EXPECT_EQ(fs::status(folder_ + "/notes.txt").permissions(), fs::perms(0644));
}

TEST_F(DataDirTest, ASecondDaemonIsRefusedByName) {
  auto first = DataDir::Lock(folder_);
  ASSERT_TRUE(first.ok());
  const auto second = DataDir::Lock(folder_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(folder_));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(std::to_string(::getpid())));
  first->reset();
  EXPECT_TRUE(DataDir::Lock(folder_).ok());
}

TEST_F(DataDirTest, WaitsForTheChildOfADaemonThatWasKilled) {
  // A lock that outlives its daemon: the child has the descriptor for a moment still.
  int to_child[2];
  ASSERT_EQ(::pipe(to_child), 0);
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    const auto lock = DataDir::Lock(folder_);
    if (::fork() != 0) ::_exit(0);  // without destructors: killed
    ::close(to_child[1]);
    char end;
    (void)!::read(to_child[0], &end, 1);
    ::_exit(0);
  }
  ::waitpid(daemon, nullptr, 0);
  ::close(to_child[0]);
  auto locked = std::async(std::launch::async, [&] { return DataDir::Lock(folder_).status(); });
  ::close(to_child[1]);
  EXPECT_TRUE(locked.get().ok());
}

TEST_F(DataDirTest, AFolderThatCantBeMadeIsNamed) {
  std::ofstream(folder_ + "/file") << "x";
  const auto data_dir = DataDir::Lock(folder_ + "/file/data");
  EXPECT_EQ(data_dir.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(data_dir.status().message()), HasSubstr(folder_ + "/file/data"));
}

TEST_F(DataDirTest, TheSocketIsTheSameNextTimeAndNeverTooLong) {
  auto data_dir = DataDir::Lock(folder_);
  EXPECT_EQ(*(*data_dir)->WorkerSocket(), folder_ + "/worker.sock");
  ::setenv("XDG_RUNTIME_DIR", folder_.c_str(), 1);
  const std::string deep = folder_ + "/" + std::string(90, 'x');
  std::string socket;
  for (int i = 0; i < 2; ++i) {
    const auto far = DataDir::Lock(deep);
    ASSERT_TRUE(far.ok());
    const auto now = (*far)->WorkerSocket();
    ASSERT_TRUE(now.ok()) << now.status();
    EXPECT_LT(now->size(), 100U);
    if (i > 0) EXPECT_EQ(*now, socket);
    socket = *now;
    EXPECT_NE((*far)->ClientSocket().value(), socket);
  }
}

TEST_F(DataDirTest, TheClientsSocketIsWhereNobodyElseMayWrite) {
  auto data_dir = DataDir::Lock(folder_);
  EXPECT_EQ(*(*data_dir)->ClientSocket(), folder_ + "/client.sock");
  std::filesystem::permissions(folder_, std::filesystem::perms::others_write,
                               std::filesystem::perm_options::add);
  std::filesystem::create_directory(folder_ + "/run");
  ::setenv("XDG_RUNTIME_DIR", (folder_ + "/run").c_str(), 1);
  const auto elsewhere = (*data_dir)->ClientSocket();
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  EXPECT_THAT(*elsewhere, HasSubstr(folder_ + "/run/descent/"));
}

TEST_F(DataDirTest, ALockThatIsNoFileIsSaid) {
  ASSERT_EQ(::mkfifo((folder_ + "/lock").c_str(), 0600), 0);
  const auto data_dir = DataDir::Lock(folder_);
  EXPECT_EQ(data_dir.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(data_dir.status().message()), HasSubstr("/lock is a FIFO, not a file"));
}

// Nobody waits for whoever would read or write them.
TEST_F(DataDirTest, AnnouncesOverWhatIsNoFile) {
  for (const char* name : {"/descentd.json", "/descentd.json.new"}) {
    ASSERT_EQ(::mkfifo((folder_ + name).c_str(), 0600), 0);
  }
  auto data_dir = DataDir::Lock(folder_);
  ASSERT_TRUE((*data_dir)->Announce({.grpc = "127.0.0.1:1"}).ok());
  EXPECT_TRUE(std::filesystem::is_regular_file(folder_ + "/descentd.json"));
}

TEST_F(DataDirTest, AnnouncesAddressesAndTakesThemBack) {
  auto data_dir = DataDir::Lock(folder_);
  ASSERT_TRUE((*data_dir)
                  ->Announce({.grpc = "127.0.0.1:1",
                              .http = "127.0.0.1:2",
                              .worker_socket = "/s",
                              .client_socket = "/c",
                              .auth = "tokens"})
                  .ok());
  const auto json = nlohmann::json::parse(std::ifstream(folder_ + "/descentd.json"));
  EXPECT_EQ(json["pid"], ::getpid());
  EXPECT_EQ(json["grpc"], "127.0.0.1:1");
  EXPECT_EQ(json["http"], "127.0.0.1:2");
  EXPECT_EQ(json["socket"], "/s");
  EXPECT_EQ(json["client_socket"], "/c");
  EXPECT_EQ(json["tls"], false);
  EXPECT_EQ(json["auth"], "tokens");
  data_dir->reset();
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/descentd.json"));
}

}  // namespace
}  // namespace descent::daemon
