#include "server/daemon/sockets/grpc_listener.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

namespace descent::daemon {
namespace {

// A server of nothing on a unix socket in a folder of its own.
class GrpcListenerTest : public ::testing::Test {
 protected:
  GrpcListenerTest() {
    std::string name = "/tmp/descent-socket-XXXXXX";
    folder_ = mkdtemp(name.data());
    auto listener = GrpcListener::Unix(Path(), {});
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

// A cleaner of /tmp takes it for litter.
TEST_F(GrpcListenerTest, ListensAnewWhereItsSocketWasRemoved) {
  EXPECT_TRUE(Connects());
  ASSERT_EQ(unlink(Path().c_str()), 0);
  EXPECT_TRUE(Connects());
}

TEST_F(GrpcListenerTest, SaysWhyItCannotListen) {
  const auto listener = GrpcListener::Unix(folder_ + "/no/such/folder", {});
  EXPECT_EQ(listener.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(GrpcListener::Unix(folder_ + "/" + std::string(200, 'x'), {}).ok());
  EXPECT_FALSE(GrpcListener::Tcp("192.0.2.1", 0, {}).ok());
}

}  // namespace
}  // namespace descent::daemon
