#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <type_traits>
#include <utility>

#include "client/cpp/stub.h"
#include "client/cpp/target.h"
#include "descent/v1/audit_service.grpc.pb.h"
#include "descent/v1/dataset_service.grpc.pb.h"
#include "descent/v1/token_service.grpc.pb.h"
#include "descent/v1/training_service.grpc.pb.h"
#include "proto/rpc_status.h"

namespace descent::client {
namespace {

std::shared_ptr<grpc::Channel> MakeChannel(const Target& target) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  arguments.SetUserAgentPrefix("descent");
  // A daemon that was restarted is back within a tenth of a second.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Otherwise $http_proxy would be asked for the loopback address.
  if (IsLocal(target.server)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = target.ca;
  return grpc::CreateCustomChannel(
      target.server,
      UsesTls(target) ? grpc::SslCredentials(tls) : grpc::InsecureChannelCredentials(), arguments);
}

class GrpcStub final : public Stub {
 public:
  explicit GrpcStub(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::TrainingService::NewStub(channel)),
        datasets_(v1::DatasetService::NewStub(channel)),
        tokens_(v1::TokenService::NewStub(channel)),
        audit_(v1::AuditService::NewStub(channel)) {}

  absl::StatusOr<v1::Job> CreateJob(grpc::ClientContext* context,
                                    const v1::CreateJobRequest& request) override {
    return Call(&Generated::CreateJob, context, request);
  }
  absl::StatusOr<v1::Job> GetJob(grpc::ClientContext* context,
                                 const v1::GetJobRequest& request) override {
    return Call(&Generated::GetJob, context, request);
  }
  absl::StatusOr<v1::ListJobsResponse> ListJobs(grpc::ClientContext* context,
                                                const v1::ListJobsRequest& request) override {
    return Call(&Generated::ListJobs, context, request);
  }
  absl::StatusOr<v1::DeleteJobResponse> DeleteJob(grpc::ClientContext* context,
                                                  const v1::DeleteJobRequest& request) override {
    return Call(&Generated::DeleteJob, context, request);
  }
  absl::StatusOr<v1::ValidateSpecResponse> ValidateSpec(
      grpc::ClientContext* context, const v1::ValidateSpecRequest& request) override {
    return Call(&Generated::ValidateSpec, context, request);
  }
  absl::StatusOr<v1::CommandJobResponse> CommandJob(grpc::ClientContext* context,
                                                    const v1::CommandJobRequest& request) override {
    return Call(&Generated::CommandJob, context, request);
  }
  Reader<v1::WatchJobResponse> WatchJob(grpc::ClientContext* context,
                                        const v1::WatchJobRequest& request) override {
    return stub_->WatchJob(context, request);
  }
  Reader<v1::PredictJobResponse> PredictJob(grpc::ClientContext* context,
                                            const v1::PredictJobRequest& request) override {
    return stub_->PredictJob(context, request);
  }
  absl::StatusOr<v1::ListAuditEntriesResponse> ListAuditEntries(
      grpc::ClientContext* context, const v1::ListAuditEntriesRequest& request) override {
    return Call(&Audit::ListAuditEntries, context, request);
  }
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(
      grpc::ClientContext* context, const v1::CreateTokenRequest& request) override {
    return Call(&Tokens::CreateToken, context, request);
  }
  absl::StatusOr<v1::ListTokensResponse> ListTokens(grpc::ClientContext* context,
                                                    const v1::ListTokensRequest& request) override {
    return Call(&Tokens::ListTokens, context, request);
  }
  absl::StatusOr<v1::RevokeTokenResponse> RevokeToken(
      grpc::ClientContext* context, const v1::RevokeTokenRequest& request) override {
    return Call(&Tokens::RevokeToken, context, request);
  }
  absl::StatusOr<v1::CreateLoginCodeResponse> CreateLoginCode(
      grpc::ClientContext* context, const v1::CreateLoginCodeRequest& request) override {
    return Call(&Tokens::CreateLoginCode, context, request);
  }
  absl::StatusOr<v1::Dataset> CreateDataset(grpc::ClientContext* context,
                                            const v1::CreateDatasetRequest& request) override {
    return Call(&Datasets::CreateDataset, context, request);
  }
  absl::StatusOr<v1::Dataset> WriteDataset(grpc::ClientContext* context,
                                           const v1::WriteDatasetRequest& request) override {
    return Call(&Datasets::WriteDataset, context, request);
  }
  absl::StatusOr<v1::Dataset> GetDataset(grpc::ClientContext* context,
                                         const v1::GetDatasetRequest& request) override {
    return Call(&Datasets::GetDataset, context, request);
  }
  absl::StatusOr<v1::ListDatasetsResponse> ListDatasets(
      grpc::ClientContext* context, const v1::ListDatasetsRequest& request) override {
    return Call(&Datasets::ListDatasets, context, request);
  }
  absl::StatusOr<v1::DeleteDatasetResponse> DeleteDataset(
      grpc::ClientContext* context, const v1::DeleteDatasetRequest& request) override {
    return Call(&Datasets::DeleteDataset, context, request);
  }

 private:
  using Generated = v1::TrainingService::StubInterface;
  using Datasets = v1::DatasetService::StubInterface;
  using Tokens = v1::TokenService::StubInterface;
  using Audit = v1::AuditService::StubInterface;

  template <class Service, class Request, class Response>
  absl::StatusOr<Response> Call(grpc::Status (Service::*method)(grpc::ClientContext*,
                                                                const Request&, Response*),
                                grpc::ClientContext* context, const Request& request) {
    Response response;
    Service* stub = nullptr;
    if constexpr (std::is_same_v<Service, Tokens>) {
      stub = tokens_.get();
    } else if constexpr (std::is_same_v<Service, Audit>) {
      stub = audit_.get();
    } else if constexpr (std::is_same_v<Service, Datasets>) {
      stub = datasets_.get();
    } else {
      stub = stub_.get();
    }
    const grpc::Status status = (stub->*method)(context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  const std::unique_ptr<v1::TrainingService::StubInterface> stub_;
  const std::unique_ptr<v1::DatasetService::StubInterface> datasets_;
  const std::unique_ptr<v1::TokenService::StubInterface> tokens_;
  const std::unique_ptr<v1::AuditService::StubInterface> audit_;
};

}  // namespace

std::unique_ptr<Stub> MakeGrpcStub(const Target& target) {
  return std::make_unique<GrpcStub>(MakeChannel(target));
}

}  // namespace descent::client
