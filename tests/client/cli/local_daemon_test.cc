#include "client/cli/local_daemon.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace descent::cli {
namespace {

class LocalDaemonTest : public testing::Test {
 protected:
  LocalDaemonTest() {
    char folder[] = "/tmp/descent-local-XXXXXX";
    top_ = mkdtemp(folder);
  }
  ~LocalDaemonTest() override { std::filesystem::remove_all(top_); }

  // Makes the folder of a daemon; the socket is what tells whether one runs.
  std::string Folder(const std::string& name, bool runs) {
    const std::string folder = top_ + "/" + name, socket = folder + "/client.sock";
    std::filesystem::create_directory(folder);
    std::ofstream(folder + "/descentd.json")
        << R"({"client_socket": ")" << socket << R"(", "http": ")" << name << R"(:1"})";
    if (!runs) return folder;
    const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    std::strncpy(address.sun_path, socket.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    close(listening);
    return folder;
  }

  std::string top_;
};

TEST_F(LocalDaemonTest, TheUsersOwnComesBeforeTheService) {
  const std::string own = Folder("own", true), service = Folder("service", true);
  ASSERT_TRUE(FindLocalDaemon({own, service}).has_value());
  EXPECT_EQ(FindLocalDaemon({own, service})->http, "own:1");
}

TEST_F(LocalDaemonTest, TheServiceIsFoundWhereTheUserRunsNone) {
  const std::string own = Folder("own", false), service = Folder("service", true);
  ASSERT_TRUE(FindLocalDaemon({top_ + "/none", own, service}).has_value());
  EXPECT_EQ(FindLocalDaemon({top_ + "/none", own, service})->http, "service:1");
}

TEST_F(LocalDaemonTest, NoneIsFoundWhereNoneRuns) {
  EXPECT_FALSE(FindLocalDaemon({top_ + "/none", Folder("own", false)}).has_value());
}

TEST_F(LocalDaemonTest, WhatNoDaemonWroteIsNoDaemon) {
  const std::string own = Folder("own", true);
  const std::string told = own + "/descentd.json";
  std::filesystem::resize_file(told, uintmax_t{1} << 40);
  EXPECT_FALSE(FindLocalDaemon({own}).has_value());
  std::filesystem::remove(told);
  ASSERT_EQ(mkfifo(told.c_str(), 0600), 0);
  EXPECT_FALSE(FindLocalDaemon({own}).has_value());
}

TEST_F(LocalDaemonTest, AServiceIsLookedForWithoutAHomeToo) {
  for (const char* name : {"HOME", "XDG_DATA_HOME"}) unsetenv(name);
  EXPECT_EQ(DaemonFolders().size(), 1);
}

}  // namespace
}  // namespace descent::cli
