// An `ApiTest` has a server over fake jobs, and a client of it.
#ifndef DESCENT_TESTS_SERVER_DAEMON_API_API_TESTING_H_
#define DESCENT_TESTS_SERVER_DAEMON_API_API_TESTING_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "descent/v1/training_service.grpc.pb.h"
#include "server/daemon/api/server.h"
#include "server/daemon/requests/requests.h"
#include "tests/server/daemon/fake_jobs.h"

namespace descent::daemon {

class ApiTest : public ::testing::Test {
 protected:
  explicit ApiTest(ApiServer::Options options = {}) {
    options.listen = "127.0.0.1:0";
    options.health = [this] {
      return healthy_ ? absl::OkStatus() : absl::UnavailableError("the journal failed");
    };
    auto server = ApiServer::Create(Requests(daemon_.jobs), options);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::TrainingService::NewStub(Connect());
  }

  // A connection of its own.
  std::shared_ptr<grpc::Channel> Connect() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(),
                                     arguments);
  }

  // A test that hangs fails instead.
  static void Bound(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  }

  static v1::WatchJobRequest WatchRequest(const std::string& name, int64_t after = 0) {
    v1::WatchJobRequest request;
    request.set_name(name);
    request.set_after_revision(after);
    return request;
  }

  FakeDaemon daemon_;
  std::atomic<bool> healthy_ = true;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<v1::TrainingService::Stub> stub_;
};

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_API_API_TESTING_H_
