#include "server/daemon/requests/requests.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/requests/check.h"
#include "server/daemon/requests/list_audit.h"
#include "server/daemon/requests/suggestion.h"
#include "server/daemon/security/rules.h"

namespace descent::daemon {
namespace {

// Gives a `done` whose answer is counted, when the Requests may be gone.
template <class Response>
Jobs::Callback<Response> Counting(CountedRequest request, Jobs::Callback<Response> done) {
  return [request, done = std::move(done)](absl::StatusOr<Response> result) {
    done(request.Ended(std::move(result)));
  };
}

// Gives a `done` that is told the nearest name where the job is not known. It may run when the
// Requests are gone.
template <class Response>
Jobs::Callback<Response> Suggesting(const Jobs& jobs, const Caller& caller, const std::string& name,
                                    Jobs::Callback<Response> done) {
  return [&jobs, caller, name, done = std::move(done)](absl::StatusOr<Response> result) {
    if (!result.ok()) result = WithSuggestion(result.status(), caller, name, jobs);
    done(std::move(result));
  };
}

// Does both for a prediction's end.
class SuggestingSink final : public PredictionSink {
 public:
  SuggestingSink(const Jobs& jobs, CountedRequest request, Caller caller, std::string name,
                 std::shared_ptr<PredictionSink> sink)
      : jobs_(jobs),
        request_(request),
        caller_(std::move(caller)),
        name_(std::move(name)),
        sink_(std::move(sink)) {}

  void OnResponse(v1::PredictJobResponse response) override {
    sink_->OnResponse(std::move(response));
  }
  void OnEnd(const absl::Status& status) override {
    request_.End(status);
    // If it is the checkpoint that is not known, the job's name is no slip.
    const bool about_name = GetErrorDetail(status).reason != reason::kCheckpointNotFound;
    sink_->OnEnd(about_name ? WithSuggestion(status, caller_, name_, jobs_) : status);
  }

 private:
  const Jobs& jobs_;
  const CountedRequest request_;
  const Caller caller_;
  const std::string name_;
  const std::shared_ptr<PredictionSink> sink_;
};

constexpr Shares::Kind kWatches = {.name = "watches",
                                   .flag = "--max_watches",
                                   .advice = "end some",
                                   .reason = reason::kTooManyWatches};

// Gives why a request is refused by itself, if it is.
template <class Request>
absl::Status Check(const Caller& caller, std::string_view what, const Request& request) {
  absl::Status status = CheckRole(caller, what);
  return status.ok() ? CheckRequest(request) : status;
}

}  // namespace

std::shared_ptr<Shares> Requests::WatchShares(int64_t most) {
  return std::make_shared<Shares>(kWatches, most);
}

absl::Status Requests::CheckOwnerOf(const Caller& caller, std::string_view what,
                                    const std::string& name) const {
  if (caller.role == Role::kAdmin) return absl::OkStatus();
  const absl::StatusOr<Ownership> ownership = jobs_->OwnershipOf(name);
  if (!ownership.ok()) return WithSuggestion(ownership.status(), caller, name, *jobs_);
  return CheckOwner(caller, what, name, *ownership);
}

Jobs::Cancel Requests::Create(const Caller& caller, const v1::CreateJobRequest& request,
                              Jobs::Callback<v1::Job> done) const {
  done = Counting({counts_, "CreateJob", audit_, caller}, std::move(done));
  absl::Status status = Check(caller, "CreateJob", request);
  if (status.ok()) status = CheckGroup(caller, request.group());
  if (!status.ok()) {
    done(status);
    return nullptr;
  }
  return jobs_->Create(caller, request, std::move(done));
}

Jobs::Cancel Requests::Validate(const Caller& caller, const v1::ValidateSpecRequest& request,
                                Jobs::Callback<v1::ValidateSpecResponse> done) const {
  done = Counting({counts_, "ValidateSpec", audit_, caller}, std::move(done));
  if (absl::Status status = Check(caller, "ValidateSpec", request); !status.ok()) {
    done(status);
    return nullptr;
  }
  return jobs_->Validate(caller, request, std::move(done));
}

void Requests::Delete(const Caller& caller, const v1::DeleteJobRequest& request,
                      Jobs::Callback<v1::DeleteJobResponse> done) const {
  done = Counting({counts_, "DeleteJob", audit_, caller, request.name()}, std::move(done));
  absl::Status status = Check(caller, "DeleteJob", request);
  if (status.ok()) status = CheckOwnerOf(caller, "DeleteJob", request.name());
  if (!status.ok()) return done(status);
  jobs_->Delete(caller, request, Suggesting(*jobs_, caller, request.name(), std::move(done)));
}

void Requests::Command(const Caller& caller, const v1::CommandJobRequest& request,
                       Jobs::Callback<v1::CommandJobResponse> done) const {
  done = Counting({counts_, "CommandJob", audit_, caller, request.name()}, std::move(done));
  absl::Status status = Check(caller, "CommandJob", request);
  if (status.ok()) status = CheckOwnerOf(caller, "CommandJob", request.name());
  if (!status.ok()) return done(status);
  jobs_->Command(caller, request, Suggesting(*jobs_, caller, request.name(), std::move(done)));
}

absl::StatusOr<std::unique_ptr<Prediction>> Requests::Predict(
    const Caller& caller, const v1::PredictJobRequest& request,
    std::shared_ptr<PredictionSink> sink) const {
  const CountedRequest counted(counts_, "PredictJob", audit_, caller, request.name());
  if (absl::Status status = Check(caller, "PredictJob", request); !status.ok()) {
    counted.End(status);
    return status;
  }
  return jobs_->Predict(
      caller, request,
      std::make_shared<SuggestingSink>(*jobs_, counted, caller, request.name(), std::move(sink)));
}

absl::StatusOr<v1::Job> Requests::Get(const Caller& caller,
                                      const v1::GetJobRequest& request) const {
  const CountedRequest counted(counts_, "GetJob", audit_, caller, request.name());
  absl::Status status = Check(caller, "GetJob", request);
  if (!status.ok()) return counted.Ended<v1::Job>(status);
  absl::StatusOr<v1::Job> job = jobs_->Get(caller, request.name());
  if (!job.ok()) job = WithSuggestion(job.status(), caller, request.name(), *jobs_);
  return counted.Ended(std::move(job));
}

absl::StatusOr<v1::ListJobsResponse> Requests::List(const Caller& caller,
                                                    const v1::ListJobsRequest& request) const {
  const CountedRequest counted(counts_, "ListJobs", audit_, caller);
  absl::Status status = Check(caller, "ListJobs", request);
  if (!status.ok()) return counted.Ended<v1::ListJobsResponse>(status);
  return counted.Ended(jobs_->List(caller, request));
}

absl::StatusOr<v1::ListAuditEntriesResponse> Requests::ListAuditEntries(
    const Caller& caller, const v1::ListAuditEntriesRequest& request) const {
  const CountedRequest counted(counts_, "ListAuditEntries", audit_, caller, request.job());
  absl::Status status = Check(caller, "ListAuditEntries", request);
  if (!status.ok()) return counted.Ended<v1::ListAuditEntriesResponse>(status);
  return counted.Ended(ListAudit(*jobs_, audit_, caller, request));
}

absl::StatusOr<OpenedWatch> Requests::Watch(const Caller& caller,
                                            const v1::WatchJobRequest& request) const {
  const CountedRequest counted(counts_, "WatchJob", audit_, caller, request.name());
  absl::Status status = Check(caller, "WatchJob", request);
  if (!status.ok()) return counted.Ended<OpenedWatch>(status);
  absl::StatusOr<Share> place = watches_->Take(caller.principal);
  if (!place.ok()) return counted.Ended<OpenedWatch>(place.status());
  absl::StatusOr<OpenedWatch> opened = OpenWatch(*jobs_, caller, request);
  if (opened.ok()) opened->place = *std::move(place);
  return counted.Ended(std::move(opened));
}

}  // namespace descent::daemon
