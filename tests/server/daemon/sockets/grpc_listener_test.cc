#include "server/daemon/sockets/grpc_listener.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace descent::daemon {
namespace {

// Runs a server of nothing on a unix socket in a folder of its own.
class GrpcListenerTest : public ::testing::Test {
 protected:
  explicit GrpcListenerTest(GrpcListener::Options options = {}) {
    std::string name = "/tmp/descent-socket-XXXXXX";
    folder_ = mkdtemp(name.data());
    auto listener = GrpcListener::Unix(Path(), std::move(options));
    EXPECT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    grpc::ServerBuilder builder;
    listener_->AddTo(builder);
    builder.RegisterCallbackGenericService(&nothing_);
    server_ = builder.BuildAndStart();
    listener_->Start();
  }
  ~GrpcListenerTest() override {
    listener_->Stop();
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    listener_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string Path() const { return folder_ + "/worker.sock"; }

  bool Connects() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
    return grpc::CreateCustomChannel("unix:" + Path(), grpc::InsecureChannelCredentials(),
                                     arguments)
        ->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20));
  }

  std::string folder_;
  grpc::CallbackGenericService nothing_;
  std::unique_ptr<GrpcListener> listener_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(GrpcListenerTest, ListensForItsOwnerAlone) {
  struct stat status{};
  ASSERT_EQ(stat(Path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_TRUE(Connects());
}

// A program that cleans up /tmp takes the socket for litter.
TEST_F(GrpcListenerTest, ListensAnewWhereItsSocketWasRemoved) {
  EXPECT_TRUE(Connects());
  ASSERT_EQ(unlink(Path().c_str()), 0);
  EXPECT_TRUE(Connects());
}

TEST_F(GrpcListenerTest, SaysThatSomethingElseHasItsNameAndComesBack) {
  std::filesystem::rename(Path(), Path() + ".away");
  std::ofstream(Path()) << "mine";
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (listener_->health().ok() && std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  EXPECT_NE(listener_->health().message().find("something else has the name"),
            absl::string_view::npos);
  EXPECT_EQ(std::filesystem::file_size(Path()), 4U);
  std::filesystem::remove(Path());
  EXPECT_TRUE(Connects());
  EXPECT_TRUE(listener_->health().ok());
}

TEST_F(GrpcListenerTest, TakesNoOtherFilesPlace) {
  const std::string file = folder_ + "/file.sock";
  std::ofstream(file) << "mine";
  std::filesystem::create_directory(folder_ + "/folder.sock");
  for (const std::string& path : {file, folder_ + "/folder.sock"}) {
    const absl::Status status = GrpcListener::Unix(path, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_NE(status.message().find("not a socket; move it away"), absl::string_view::npos);
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  std::filesystem::create_symlink(file, folder_ + "/link.sock");
  EXPECT_TRUE(GrpcListener::Unix(folder_ + "/link.sock", {}).ok());
  EXPECT_EQ(std::filesystem::file_size(file), 4U);
}

TEST_F(GrpcListenerTest, SaysWhyItCannotListen) {
  const auto listener = GrpcListener::Unix(folder_ + "/no/such/folder", {});
  EXPECT_EQ(listener.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(GrpcListener::Unix(folder_ + "/" + std::string(200, 'x'), {}).ok());
  EXPECT_FALSE(GrpcListener::Tcp("192.0.2.1", 0, {}).ok());
}

// Has two connections for all, and a few for each process that is the daemon's own.
class SharesTest : public GrpcListenerTest {
 protected:
  SharesTest()
      : GrpcListenerTest(
            {.max_connections = [] { return int64_t{2}; },
             .has_own_share = [this](int64_t pid) { return is_own_ && pid == getpid(); }}) {}
  ~SharesTest() override {
    for (const int fd : open_) close(fd);
  }

  // Whether a new connection is taken: the server says something, instead of closing it.
  bool IsTaken() {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    open_.push_back(fd);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = Path();
    std::copy(path.begin(), path.end(), address.sun_path);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    char byte = 0;
    return recv(fd, &byte, 1, 0) == 1;
  }

  std::atomic<bool> is_own_ = false;
  std::vector<int> open_;
};

TEST_F(SharesTest, StrangersDoNotTakeThePlaceOfOwnProcesses) {
  EXPECT_TRUE(IsTaken());
  EXPECT_TRUE(IsTaken());
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(IsTaken());
  EXPECT_EQ(listener_->refused(), 100);
  EXPECT_EQ(listener_->connections(), 2);
  is_own_ = true;
  EXPECT_TRUE(IsTaken());
  EXPECT_EQ(listener_->connections(), 2);
}

TEST_F(SharesTest, AnOwnProcessMayNotHaveThemAllEither) {
  is_own_ = true;
  int taken = 0;
  while (taken < 100 && IsTaken()) ++taken;
  EXPECT_EQ(taken, 8);
  is_own_ = false;
  EXPECT_TRUE(IsTaken());
}

}  // namespace
}  // namespace descent::daemon
