#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <string_view>
#include <utility>

#include "client/cpp/stub.h"
#include "descent/v1/training_service.grpc.pb.h"
#include "proto/rpc_status.h"

namespace descent::client {
namespace {

bool IsLocal(std::string_view server) {
  for (const std::string_view prefix : {"127.", "localhost:", "[::1]:", "unix:"}) {
    if (server.starts_with(prefix)) return true;
  }
  return false;
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  arguments.SetUserAgentPrefix("descent");
  // A daemon that was restarted is back within a tenth of a second.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Otherwise $http_proxy would be asked for the loopback address.
  if (IsLocal(server)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

class GrpcStub final : public Stub {
 public:
  explicit GrpcStub(const std::string& server)
      : stub_(v1::TrainingService::NewStub(MakeChannel(server))) {}

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

 private:
  using Generated = v1::TrainingService::StubInterface;

  template <class Request, class Response>
  absl::StatusOr<Response> Call(grpc::Status (Generated::*method)(grpc::ClientContext*,
                                                                  const Request&, Response*),
                                grpc::ClientContext* context, const Request& request) {
    Response response;
    Generated& stub = *stub_;
    const grpc::Status status = (stub.*method)(context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  const std::unique_ptr<v1::TrainingService::Stub> stub_;
};

}  // namespace

std::unique_ptr<Stub> MakeGrpcStub(const std::string& server) {
  return std::make_unique<GrpcStub>(server);
}

}  // namespace descent::client
