// `Requests` is what people ask of the jobs, whatever they ask over: the methods of
// TrainingService, by whom, as values. First the caller's role is checked (security/rules.h), then
// each request by itself (check.h), then whose job it names, before any job hears of it. A refusal
// that knows no such job names the nearest one.
//
// It is a value of three pointers; thread-safe. The jobs must outlive it, and what it returned; the
// counts and the audit's list must outlive the jobs. What takes time answers as in Jobs; a request
// that is refused at once is answered before the call returns.
#ifndef DESCENT_SERVER_DAEMON_REQUESTS_REQUESTS_H_
#define DESCENT_SERVER_DAEMON_REQUESTS_REQUESTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/audit_service.pb.h"
#include "descent/v1/training_service.pb.h"
#include "server/daemon/audit/audit_log.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/requests/open_watch.h"
#include "server/daemon/requests/request_counts.h"
#include "server/daemon/security/caller.h"
#include "server/daemon/security/shares.h"

namespace descent::daemon {

class Requests {
 public:
  // So many watches are open at a time among all Requests that have the same shares.
  static constexpr int64_t kMostWatches = 4096;
  static std::shared_ptr<Shares> WatchShares(int64_t most = kMostWatches);

  // `counts` are told of every answer, `audit` of who may not; null: nobody is.
  explicit Requests(Jobs& jobs, RequestCounts* counts = nullptr, AuditLog* audit = nullptr,
                    std::shared_ptr<Shares> watches = WatchShares())
      : jobs_(&jobs), counts_(counts), audit_(audit), watches_(std::move(watches)) {}

  RequestCounts* counts() const { return counts_; }
  AuditLog* audit() const { return audit_; }

  Jobs::Cancel Create(const Caller& caller, const v1::CreateJobRequest& request,
                      Jobs::Callback<v1::Job> done) const;
  Jobs::Cancel Validate(const Caller& caller, const v1::ValidateSpecRequest& request,
                        Jobs::Callback<v1::ValidateSpecResponse> done) const;
  void Delete(const Caller& caller, const v1::DeleteJobRequest& request,
              Jobs::Callback<v1::DeleteJobResponse> done) const;
  void Command(const Caller& caller, const v1::CommandJobRequest& request,
               Jobs::Callback<v1::CommandJobResponse> done) const;

  // Begins a prediction. After an error it was refused at once, and `sink` hears nothing.
  absl::StatusOr<std::unique_ptr<Prediction>> Predict(const Caller& caller,
                                                      const v1::PredictJobRequest& request,
                                                      std::shared_ptr<PredictionSink> sink) const;

  absl::StatusOr<v1::Job> Get(const Caller& caller, const v1::GetJobRequest& request) const;
  absl::StatusOr<v1::ListJobsResponse> List(const Caller& caller,
                                            const v1::ListJobsRequest& request) const;
  // AuditService's method.
  absl::StatusOr<v1::ListAuditEntriesResponse> ListAuditEntries(
      const Caller& caller, const v1::ListAuditEntriesRequest& request) const;
  // RESOURCE_EXHAUSTED (`TOO_MANY_WATCHES`) if there are too many. Does not block.
  absl::StatusOr<OpenedWatch> Watch(const Caller& caller, const v1::WatchJobRequest& request) const;

 private:
  // Gives OK if the caller may do `what` with this job.
  absl::Status CheckOwnerOf(const Caller& caller, std::string_view what,
                            const std::string& name) const;

  Jobs* jobs_;
  RequestCounts* counts_;
  AuditLog* audit_;
  std::shared_ptr<Shares> watches_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_REQUESTS_REQUESTS_H_
