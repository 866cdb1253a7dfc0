#include "client/cpp/client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/identity.h"
#include "proto/rpc_status.h"

namespace descent::client {
namespace {

constexpr absl::Duration kFirstWait = absl::Milliseconds(25);
constexpr absl::Duration kLongestWait = absl::Milliseconds(500);

bool IsLocal(std::string_view server) {
  for (const std::string_view prefix : {"127.", "localhost:", "[::1]:", "unix:"}) {
    if (server.starts_with(prefix)) return true;
  }
  return false;
}

std::shared_ptr<grpc::Channel> Connect(const Client::Options& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  arguments.SetUserAgentPrefix("descent");
  // A daemon that was restarted is back within a tenth of a second.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Else $http_proxy would be asked for the loopback address.
  if (IsLocal(options.server)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(options.server, grpc::InsecureChannelCredentials(), arguments);
}

// One unary call, again while the server can't be reached.
template <class Request, class Response>
absl::StatusOr<Response> Call(const Client::Options& options,
                              v1::TrainingService::StubInterface* stub,
                              grpc::Status (v1::TrainingService::StubInterface::*method)(
                                  grpc::ClientContext*, const Request&, Response*),
                              const Request& request, int* attempts = nullptr) {
  const absl::Time start = absl::Now();
  const absl::Time deadline = start + options.call_timeout;
  absl::Duration wait = kFirstWait;
  while (true) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    context.AddMetadata(kPrincipalKey, options.principal);
    Response response;
    if (attempts != nullptr) ++*attempts;
    const grpc::Status status = (stub->*method)(&context, request, &response);
    if (status.ok()) return response;
    const absl::Time again = absl::Now() + wait;
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE || again > deadline ||
        again > start + options.retry_for) {
      return FromGrpcStatus(status);
    }
    absl::SleepFor(wait);
    wait = std::min(wait * 2, kLongestWait);
  }
}

}  // namespace

Client::Client(Options options)
    : options_(std::move(options)),
      channel_(Connect(options_)),
      stub_(v1::TrainingService::NewStub(channel_)) {
  if (options_.principal.empty()) options_.principal = LocalPrincipal();
}

absl::StatusOr<v1::Job> Client::CreateJob(v1::CreateJobRequest request) const {
  if (request.request_id().empty()) request.set_request_id(DrawRequestId());
  return Call(options_, stub_.get(), &v1::TrainingService::StubInterface::CreateJob, request);
}

absl::StatusOr<v1::ValidateSpecResponse> Client::ValidateSpec(const v1::Spec& spec) const {
  v1::ValidateSpecRequest request;
  *request.mutable_spec() = spec;
  return Call(options_, stub_.get(), &v1::TrainingService::StubInterface::ValidateSpec, request);
}

absl::StatusOr<v1::Job> Client::GetJob(const std::string& name) const {
  v1::GetJobRequest request;
  request.set_name(name);
  return Call(options_, stub_.get(), &v1::TrainingService::StubInterface::GetJob, request);
}

absl::StatusOr<std::vector<v1::Job>> Client::ListJobs(const std::string& filter, int limit) const {
  std::vector<v1::Job> jobs;
  v1::ListJobsRequest request;
  request.set_filter(filter);
  request.set_page_size(limit > 0 ? std::min(limit, 1000) : 1000);
  do {
    auto response =
        Call(options_, stub_.get(), &v1::TrainingService::StubInterface::ListJobs, request);
    if (!response.ok()) return response.status();
    for (v1::Job& job : *response->mutable_jobs()) {
      jobs.push_back(std::move(job));
      if (limit > 0 && static_cast<int>(jobs.size()) == limit) return jobs;
    }
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  return jobs;
}

absl::Status Client::DeleteJob(const std::string& name, bool force) const {
  v1::DeleteJobRequest request;
  request.set_name(name);
  request.set_force(force);
  int attempts = 0;
  const absl::Status status =
      Call(options_, stub_.get(), &v1::TrainingService::StubInterface::DeleteJob, request,
           &attempts)
          .status();
  // An earlier attempt whose answer was lost did it.
  if (absl::IsNotFound(status) && attempts > 1) return absl::OkStatus();
  return status;
}

absl::StatusOr<v1::Event> Client::Command(v1::CommandJobRequest request) const {
  if (request.request_id().empty()) request.set_request_id(DrawRequestId());
  auto response =
      Call(options_, stub_.get(), &v1::TrainingService::StubInterface::CommandJob, request);
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_event());
}

std::unique_ptr<Prediction> Client::Predict(v1::PredictJobRequest request) const {
  return std::make_unique<Prediction>(stub_.get(), std::move(request), options_.principal,
                                      options_.retry_for);
}

std::unique_ptr<JobWatch> Client::Watch(JobWatch::Options options) const {
  return std::make_unique<JobWatch>(stub_.get(), std::move(options), options_.principal);
}

}  // namespace descent::client
