// Who is let in over gRPC, and to what: every method, by every role, with everybody's jobs.

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "descent/v1/token_service.grpc.pb.h"
#include "descent/v1/training_service.grpc.pb.h"
#include "proto/rpc_status.h"
#include "server/daemon/api/server.h"
#include "server/daemon/requests/requests.h"
#include "tests/server/daemon/security/access_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;

class ApiAccessTest : public ::testing::Test {
 protected:
  ApiAccessTest() { Start(daemon_.access.get()); }

  void Start(Access* access) {
    server_.reset();
    auto server =
        ApiServer::Create(Requests(daemon_.daemon.jobs), {.listen = "127.0.0.1:0",
                                                          .client_socket = socket_,
                                                          .access = access,
                                                          .datasets = daemon_.datasets.get()});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    tcp_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    unix_ = grpc::CreateChannel("unix:" + socket_, grpc::InsecureChannelCredentials());
  }

  static void Prepare(grpc::ClientContext& context, const std::string& token) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  }

  // Makes a call of any method; it is OK once there is an answer, or an end that is.
  static absl::Status Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                           const std::string& job, const std::string& token) {
    const bool about_tokens =
        method.find("Token") != std::string::npos || method == "CreateLoginCode";
    const bool about_datasets = method.find("Dataset") != std::string::npos;
    const std::string service = method == "ListAuditEntries" ? "AuditService/"
                                : about_tokens               ? "TokenService/"
                                : about_datasets             ? "DatasetService/"
                                                             : "TrainingService/";
    const std::string path = "/descent.v1." + service + method;
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    Prepare(context, token);
    grpc::CompletionQueue queue;
    const auto next = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    const auto call = stub.PrepareCall(&context, path, &queue);
    call->StartCall(nullptr);
    grpc::Status status;
    bool answered = false;
    if (next()) {
      const grpc::Slice slice(RequestFor(method, job));
      const grpc::ByteBuffer request(&slice, 1);
      call->WriteLast(request, grpc::WriteOptions(), nullptr);
      next();
      grpc::ByteBuffer response;
      call->Read(&response, nullptr);
      answered = next();
      if (answered) context.TryCancel();  // a watch would go on
    }
    call->Finish(&status, nullptr);
    next();
    return answered ? absl::OkStatus() : FromGrpcStatus(status);
  }

  AccessDaemon daemon_;
  const std::string socket_ = daemon_.daemon.folder.File("client.sock");
  std::unique_ptr<ApiServer> server_;
  std::shared_ptr<grpc::Channel> tcp_;
  std::shared_ptr<grpc::Channel> unix_;
};

TEST_F(ApiAccessTest, EveryMethodTakesItsRoleAndItsOwner) {
  for (const auto& [method, expected] : Expectations()) {
    for (const auto& [role, token] : daemon_.tokens) {
      for (const char* job : kJobsOfAll) {
        const absl::Status status = Call(tcp_, method, job, token);
        const std::string reason = ExpectedReason(expected, role, job);
        if (reason.empty()) {
          EXPECT_TRUE(WasLetIn(status))
              << method << " of " << job << " by " << RoleName(role) << ": " << status;
        } else {
          EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
          EXPECT_EQ(GetErrorDetail(status).reason, reason)
              << method << " of " << job << " by " << RoleName(role);
        }
      }
    }
  }
}

TEST_F(ApiAccessTest, NothingIsAnsweredWithoutAGoodTokenButHealth) {
  daemon_.Revoke(Role::kAdmin);
  const std::string unknown = "descent_" + std::string(43, 'x');
  for (const auto& [method, expected] : Expectations()) {
    for (const std::string& token : {std::string(), unknown, daemon_.tokens[Role::kAdmin]}) {
      const absl::Status status = Call(tcp_, method, "own", token);
      EXPECT_TRUE(absl::IsUnauthenticated(status)) << method << ": " << status;
      EXPECT_EQ(GetErrorDetail(status).reason, "UNAUTHENTICATED") << method;
    }
  }
  grpc::GenericStub stub(tcp_);
  grpc::ClientContext context;
  Prepare(context, "");
  grpc::CompletionQueue queue;
  grpc::ByteBuffer response;
  grpc::Status status;
  const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                          grpc::ByteBuffer(nullptr, 0), &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(ApiAccessTest, TheClientsSocketLetsInTheDaemonsUserAndATokenThereCounts) {
  for (const auto& [method, expected] : Expectations()) {
    const absl::Status status = Call(unix_, method, "other", "");
    EXPECT_TRUE(WasLetIn(status)) << method << ": " << status;
  }
  EXPECT_EQ(GetErrorDetail(Call(unix_, "CommandJob", "own", daemon_.tokens[Role::kViewer])).reason,
            "ROLE_TOO_LOW");
}

TEST_F(ApiAccessTest, TwoTokensAreNone) {
  grpc::ClientContext context;
  Prepare(context, daemon_.tokens[Role::kViewer]);
  context.AddMetadata("authorization", "Bearer " + daemon_.tokens[Role::kAdmin]);
  v1::Job job;
  v1::GetJobRequest request;
  request.set_name("jobs/own");
  const grpc::Status status = v1::TrainingService::NewStub(tcp_)->GetJob(&context, request, &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(ApiAccessTest, AWatchEndsWhenItsTokenIsRevoked) {
  const auto stub = v1::TrainingService::NewStub(tcp_);
  grpc::ClientContext context;
  Prepare(context, daemon_.tokens[Role::kViewer]);
  v1::WatchJobRequest request;
  request.set_name("jobs/other");
  const auto watch = stub->WatchJob(&context, request);
  v1::WatchJobResponse response;
  ASSERT_TRUE(watch->Read(&response));
  daemon_.Revoke(Role::kViewer);
  while (watch->Read(&response)) {
  }
  const grpc::Status status = watch->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("was revoked"));
}

TEST_F(ApiAccessTest, AGroupIsForItsMembers) {
  const auto stub = v1::TrainingService::NewStub(tcp_);
  v1::CreateJobRequest request;
  request.mutable_job()->mutable_spec();
  for (const char* group : {"lab", "club"}) {
    request.set_group(group);
    grpc::ClientContext context;
    Prepare(context, daemon_.tokens[Role::kOperator]);
    v1::Job job;
    const absl::Status status = FromGrpcStatus(stub->CreateJob(&context, request, &job));
    EXPECT_EQ(GetErrorDetail(status).reason, request.group() == "lab" ? "" : "NOT_YOURS");
  }
}

TEST_F(ApiAccessTest, WithoutAnAccessEverybodyIsAnAdminAndThereAreNoTokens) {
  Start(nullptr);
  EXPECT_TRUE(Call(tcp_, "DeleteJob", "other", "").ok());
  for (const char* method : {"CreateToken", "ListTokens", "RevokeToken", "CreateLoginCode"}) {
    EXPECT_EQ(GetErrorDetail(Call(tcp_, method, "", "")).reason, "AUTH_OFF") << method;
  }
}

}  // namespace
}  // namespace descent::daemon
