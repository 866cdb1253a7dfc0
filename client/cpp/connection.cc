#include "client/cpp/connection.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "client/cpp/retry.h"

namespace descent::client {
namespace {

constexpr absl::Duration kFirstWait = absl::Milliseconds(25);
constexpr absl::Duration kLongestWait = absl::Milliseconds(500);

}  // namespace

Connection::Connection(std::unique_ptr<Stub> stub, Options options, Clock* clock)
    : stub_(std::move(stub)), options_(options), clock_(clock) {}

template <class Request, class Response>
absl::StatusOr<Response> Connection::Call(
    absl::StatusOr<Response> (Stub::*method)(grpc::ClientContext*, const Request&),
    const Request& request, int* attempts) const {
  const absl::Time start = clock_->Now();
  const absl::Time deadline = start + options_.call_timeout;
  return Retry(clock_, std::min(deadline, start + options_.retry_for),
               Backoff(kFirstWait, kLongestWait), [&] {
                 grpc::ClientContext context;
                 context.set_deadline(absl::ToChronoTime(deadline));
                 if (attempts != nullptr) ++*attempts;
                 return (stub_.get()->*method)(&context, request);
               });
}

absl::StatusOr<v1::Job> Connection::CreateJob(const v1::CreateJobRequest& request) const {
  return Call(&Stub::CreateJob, request);
}

absl::StatusOr<v1::Job> Connection::GetJob(const v1::GetJobRequest& request) const {
  return Call(&Stub::GetJob, request);
}

absl::StatusOr<v1::ListJobsResponse> Connection::ListJobs(
    const v1::ListJobsRequest& request) const {
  return Call(&Stub::ListJobs, request);
}

absl::StatusOr<v1::DeleteJobResponse> Connection::DeleteJob(
    const v1::DeleteJobRequest& request) const {
  int attempts = 0;
  absl::StatusOr<v1::DeleteJobResponse> response = Call(&Stub::DeleteJob, request, &attempts);
  if (absl::IsNotFound(response.status()) && attempts > 1) return v1::DeleteJobResponse();
  return response;
}

absl::StatusOr<v1::ValidateSpecResponse> Connection::ValidateSpec(
    const v1::ValidateSpecRequest& request) const {
  return Call(&Stub::ValidateSpec, request);
}

absl::StatusOr<v1::CommandJobResponse> Connection::CommandJob(
    const v1::CommandJobRequest& request) const {
  return Call(&Stub::CommandJob, request);
}

absl::StatusOr<v1::CreateTokenResponse> Connection::CreateToken(
    const v1::CreateTokenRequest& request) const {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(clock_->Now() + options_.call_timeout));
  return stub_->CreateToken(&context, request);
}

absl::StatusOr<v1::ListAuditEntriesResponse> Connection::ListAuditEntries(
    const v1::ListAuditEntriesRequest& request) const {
  return Call(&Stub::ListAuditEntries, request);
}

absl::StatusOr<v1::ListTokensResponse> Connection::ListTokens(
    const v1::ListTokensRequest& request) const {
  return Call(&Stub::ListTokens, request);
}

absl::StatusOr<v1::RevokeTokenResponse> Connection::RevokeToken(
    const v1::RevokeTokenRequest& request) const {
  return Call(&Stub::RevokeToken, request);
}

absl::StatusOr<v1::CreateLoginCodeResponse> Connection::CreateLoginCode(
    const v1::CreateLoginCodeRequest& request) const {
  return Call(&Stub::CreateLoginCode, request);
}

absl::StatusOr<v1::Dataset> Connection::CreateDataset(
    const v1::CreateDatasetRequest& request) const {
  return Call(&Stub::CreateDataset, request);
}

absl::StatusOr<v1::Dataset> Connection::WriteDataset(const v1::WriteDatasetRequest& request) const {
  return Call(&Stub::WriteDataset, request);
}

absl::StatusOr<v1::Dataset> Connection::GetDataset(const v1::GetDatasetRequest& request) const {
  return Call(&Stub::GetDataset, request);
}

absl::StatusOr<v1::ListDatasetsResponse> Connection::ListDatasets(
    const v1::ListDatasetsRequest& request) const {
  return Call(&Stub::ListDatasets, request);
}

absl::StatusOr<v1::DeleteDatasetResponse> Connection::DeleteDataset(
    const v1::DeleteDatasetRequest& request) const {
  int attempts = 0;
  absl::StatusOr<v1::DeleteDatasetResponse> response =
      Call(&Stub::DeleteDataset, request, &attempts);
  if (absl::IsNotFound(response.status()) && attempts > 1) return v1::DeleteDatasetResponse();
  return response;
}

std::unique_ptr<JobWatch> Connection::WatchJob(JobWatch::Options options) const {
  return std::make_unique<JobWatch>(stub_.get(), std::move(options), clock_);
}

std::unique_ptr<Prediction> Connection::PredictJob(v1::PredictJobRequest request) const {
  return std::make_unique<Prediction>(stub_.get(), std::move(request), options_.retry_for, clock_);
}

}  // namespace descent::client
