#include "client/cpp/client.h"

#include <algorithm>
#include <utility>

#include "client/cpp/identity.h"

namespace descent::client {
namespace {

// Adds the local user, where nobody else is named, and the trace of this process.
Client::Options Completed(Client::Options options) {
  if (options.principal.empty()) options.principal = LocalPrincipal();
  if (options.trace.empty()) options.trace = LocalTrace();
  return options;
}

}  // namespace

Client::Client(Options options) : Client(options, MakeGrpcStub(options.target), Clock::Real()) {}

Client::Client(Options options, std::unique_ptr<Stub> stub, Clock* clock)
    : options_(Completed(std::move(options))),
      connection_(MakeIdentityStub(std::move(stub), options_.principal,
                                   CheckTarget(options_.target).ok() ? options_.target.token : "",
                                   options_.trace),
                  {.call_timeout = options_.call_timeout, .retry_for = options_.retry_for}, clock) {
}

absl::StatusOr<v1::Job> Client::CreateJob(v1::CreateJobRequest request) const {
  if (request.request_id().empty()) request.set_request_id(DrawRequestId());
  return connection_.CreateJob(request);
}

absl::StatusOr<v1::ValidateSpecResponse> Client::ValidateSpec(const v1::Spec& spec) const {
  v1::ValidateSpecRequest request;
  *request.mutable_spec() = spec;
  return connection_.ValidateSpec(request);
}

absl::StatusOr<v1::Job> Client::GetJob(const std::string& name) const {
  v1::GetJobRequest request;
  request.set_name(name);
  return connection_.GetJob(request);
}

absl::StatusOr<std::vector<v1::Job>> Client::ListJobs(const std::string& filter, int limit) const {
  std::vector<v1::Job> jobs;
  v1::ListJobsRequest request;
  request.set_filter(filter);
  request.set_page_size(limit > 0 ? std::min(limit, 1000) : 1000);
  do {
    absl::StatusOr<v1::ListJobsResponse> response = connection_.ListJobs(request);
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
  return connection_.DeleteJob(request).status();
}

absl::StatusOr<v1::Event> Client::Command(v1::CommandJobRequest request) const {
  if (request.request_id().empty()) request.set_request_id(DrawRequestId());
  absl::StatusOr<v1::CommandJobResponse> response = connection_.CommandJob(request);
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_event());
}

std::unique_ptr<Prediction> Client::Predict(v1::PredictJobRequest request) const {
  return connection_.PredictJob(std::move(request));
}

std::unique_ptr<JobWatch> Client::Watch(JobWatch::Options options) const {
  return connection_.WatchJob(std::move(options));
}

absl::StatusOr<std::vector<v1::AuditEntry>> Client::ListAuditEntries(
    v1::ListAuditEntriesRequest request, int limit) const {
  std::vector<v1::AuditEntry> entries;
  request.set_page_size(limit > 0 ? std::min(limit, 1000) : 1000);
  request.clear_page_token();
  do {
    absl::StatusOr<v1::ListAuditEntriesResponse> page = connection_.ListAuditEntries(request);
    if (!page.ok()) return page.status();
    for (v1::AuditEntry& entry : *page->mutable_entries()) {
      entries.push_back(std::move(entry));
      if (limit > 0 && static_cast<int>(entries.size()) == limit) return entries;
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return entries;
}

absl::StatusOr<v1::CreateTokenResponse> Client::CreateToken(
    const v1::CreateTokenRequest& request) const {
  return connection_.CreateToken(request);
}

absl::StatusOr<v1::ListTokensResponse> Client::ListTokens() const {
  return connection_.ListTokens({});
}

absl::Status Client::RevokeToken(const std::string& id) const {
  v1::RevokeTokenRequest request;
  request.set_id(id);
  return connection_.RevokeToken(request).status();
}

absl::StatusOr<v1::CreateLoginCodeResponse> Client::CreateLoginCode() const {
  return connection_.CreateLoginCode({});
}

absl::StatusOr<v1::Dataset> Client::CreateDataset(const v1::CreateDatasetRequest& request) const {
  return connection_.CreateDataset(request);
}

absl::StatusOr<v1::Dataset> Client::WriteDataset(const v1::WriteDatasetRequest& request) const {
  return connection_.WriteDataset(request);
}

absl::StatusOr<v1::Dataset> Client::GetDataset(const std::string& name) const {
  v1::GetDatasetRequest request;
  request.set_name(name);
  return connection_.GetDataset(request);
}

absl::StatusOr<v1::ListDatasetsResponse> Client::ListDatasets() const {
  return connection_.ListDatasets({});
}

absl::Status Client::DeleteDataset(const std::string& name) const {
  v1::DeleteDatasetRequest request;
  request.set_name(name);
  return connection_.DeleteDataset(request).status();
}

}  // namespace descent::client
