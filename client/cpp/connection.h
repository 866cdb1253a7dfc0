// A `Connection` has the methods of TrainingService and TokenService as calls that hold out: each
// has a deadline, and is attempted again while the server is UNAVAILABLE (it restarts, say). So a
// request must be safe to make twice: those of CreateJob and CommandJob have a request_id.
// Thread-safe.
#ifndef DESCENT_CLIENT_CPP_CONNECTION_H_
#define DESCENT_CLIENT_CPP_CONNECTION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/clock.h"
#include "client/cpp/job_watch.h"
#include "client/cpp/prediction.h"
#include "client/cpp/stub.h"
#include "descent/v1/training_service.pb.h"

namespace descent::client {

class Connection {
 public:
  struct Options {
    // The time for a whole call, retries included.
    absl::Duration call_timeout = absl::Seconds(60);
    // For how long a server that does not answer is tried again.
    absl::Duration retry_for = absl::Seconds(2);
  };

  // `clock` must outlive it.
  Connection(std::unique_ptr<Stub> stub, Options options, Clock* clock);

  absl::StatusOr<v1::Job> CreateJob(const v1::CreateJobRequest& request) const;
  absl::StatusOr<v1::Job> GetJob(const v1::GetJobRequest& request) const;
  absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest& request) const;
  // NOT_FOUND counts as done if an earlier attempt, whose answer was lost, may have done it.
  absl::StatusOr<v1::DeleteJobResponse> DeleteJob(const v1::DeleteJobRequest& request) const;
  absl::StatusOr<v1::ValidateSpecResponse> ValidateSpec(
      const v1::ValidateSpecRequest& request) const;
  absl::StatusOr<v1::CommandJobResponse> CommandJob(const v1::CommandJobRequest& request) const;
  // An attempt whose answer was lost leaves a token that nobody has; so it is made once.
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(const v1::CreateTokenRequest& request) const;
  absl::StatusOr<v1::ListAuditEntriesResponse> ListAuditEntries(
      const v1::ListAuditEntriesRequest& request) const;
  absl::StatusOr<v1::ListTokensResponse> ListTokens(const v1::ListTokensRequest& request) const;
  absl::StatusOr<v1::RevokeTokenResponse> RevokeToken(const v1::RevokeTokenRequest& request) const;
  absl::StatusOr<v1::CreateLoginCodeResponse> CreateLoginCode(
      const v1::CreateLoginCodeRequest& request) const;
  absl::StatusOr<v1::Dataset> CreateDataset(const v1::CreateDatasetRequest& request) const;
  absl::StatusOr<v1::Dataset> WriteDataset(const v1::WriteDatasetRequest& request) const;
  absl::StatusOr<v1::Dataset> GetDataset(const v1::GetDatasetRequest& request) const;
  absl::StatusOr<v1::ListDatasetsResponse> ListDatasets(
      const v1::ListDatasetsRequest& request) const;
  // As DeleteJob.
  absl::StatusOr<v1::DeleteDatasetResponse> DeleteDataset(
      const v1::DeleteDatasetRequest& request) const;

  // These have no deadline; they must not outlive the connection.
  std::unique_ptr<JobWatch> WatchJob(JobWatch::Options options) const;
  std::unique_ptr<Prediction> PredictJob(v1::PredictJobRequest request) const;

 private:
  template <class Request, class Response>
  absl::StatusOr<Response> Call(absl::StatusOr<Response> (Stub::*method)(grpc::ClientContext*,
                                                                         const Request&),
                                const Request& request, int* attempts = nullptr) const;

  const std::unique_ptr<Stub> stub_;
  const Options options_;
  Clock* const clock_;
};

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_CONNECTION_H_
