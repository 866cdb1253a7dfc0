// gRPC over TLS. What is served is server_test.cc's.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>

#include "descent/v1/training_service.grpc.pb.h"
#include "server/daemon/api/server.h"
#include "server/daemon/requests/requests.h"
#include "tests/server/daemon/fake_jobs.h"
#include "tests/server/daemon/tls/tls_client.h"
#include "tests/server/daemon/tls/tls_testing.h"

namespace descent::daemon {
namespace {

class ApiTlsTest : public ::testing::Test {
 protected:
  ApiTlsTest() {
    daemon_.jobs.Add("mnist");
    auto server = ApiServer::Create(Requests(daemon_.jobs),
                                    {.listen = "127.0.0.1:0", .certificate = certificates_.Load()});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // A client with a connection of its own.
  std::unique_ptr<v1::TrainingService::Stub> Connect(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return v1::TrainingService::NewStub(
        grpc::CreateCustomChannel(server_->address(), credentials, arguments));
  }
  std::unique_ptr<v1::TrainingService::Stub> Connect(const std::string& authority) const {
    return Connect(grpc::SslCredentials(
        {.pem_root_certs = authority, .pem_private_key = {}, .pem_cert_chain = {}}));
  }

  static grpc::Status Ask(v1::TrainingService::Stub& stub) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::GetJobRequest request;
    request.set_name("jobs/mnist");
    v1::Job job;
    return stub.GetJob(&context, request, &job);
  }

  TlsClient Raw(TlsClient::Options options = {}) const {
    options.authority = certificates_.authority();
    return TlsClient(server_->port(), options);
  }

  TestCertificates certificates_;
  FakeDaemon daemon_;
  std::unique_ptr<ApiServer> server_;
};

TEST_F(ApiTlsTest, ServesWhoTrustsTheAuthority) {
  EXPECT_TRUE(Ask(*Connect(certificates_.authority())).ok());
}

TEST_F(ApiTlsTest, WhoTrustsAnotherAuthorityGoes) {
  const TestCertificates others;
  EXPECT_EQ(Ask(*Connect(others.authority())).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ApiTlsTest, WhoSpeaksNoTlsIsClosed) {
  EXPECT_EQ(Ask(*Connect(grpc::InsecureChannelCredentials())).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Ask(*Connect(certificates_.authority())).ok());
}

TEST_F(ApiTlsTest, SpeaksNothingOlderThanTls12) {
  EXPECT_TRUE(Raw({.most_version = TLS1_2_VERSION}).connected());
  EXPECT_FALSE(Raw({.most_version = TLS1_1_VERSION, .any_cipher = true}).connected());
}

TEST_F(ApiTlsTest, ShowsTheAuthority) {
  EXPECT_EQ(Raw().last_shown(), certificates_.Issue().authority_fingerprint);
}

TEST_F(ApiTlsTest, ShowsANewCertificateAndGoesOnWithOpenConnections) {
  const auto before = Connect(certificates_.authority());
  EXPECT_TRUE(Ask(*before).ok());
  const std::string shown = Raw().shown();
  certificates_.Issue();
  EXPECT_NE(Raw().shown(), shown);
  EXPECT_TRUE(Ask(*before).ok());
  EXPECT_TRUE(Ask(*Connect(certificates_.authority())).ok());
  TestCertificates::Write(certificates_.files().server.key, "no key");
  EXPECT_TRUE(Ask(*Connect(certificates_.authority())).ok());
}

// Who begins no handshake, or half of one, holds nobody up.
TEST_F(ApiTlsTest, SlowHandshakesHoldNobodyUp) {
  int slow[20];
  for (int& fd : slow) {
    fd = ConnectTo(server_->port());
    send(fd, "\x16\x03\x01", 3, MSG_NOSIGNAL);
  }
  EXPECT_TRUE(Ask(*Connect(certificates_.authority())).ok());
  for (const int fd : slow) close(fd);
}

// Beyond loopback is where TLS is for.
TEST_F(ApiTlsTest, ListensEverywhere) {
  const auto server = ApiServer::Create(
      Requests(daemon_.jobs), {.listen = "0.0.0.0:0", .certificate = certificates_.Load()});
  ASSERT_TRUE(server.ok()) << server.status();
  TlsClient client((*server)->port(), {.authority = certificates_.authority()});
  EXPECT_TRUE(client.connected()) << client.reason();
}

}  // namespace
}  // namespace descent::daemon
