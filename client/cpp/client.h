// A `Client` is a descentd as people's programs see it. Thread-safe. Making one does not connect:
// the first call does.
//
// Every call has a deadline, says who asks, and is tried again while the server is UNAVAILABLE (it
// restarts, say): all calls are made idempotent by a request_id, which is drawn if the caller gave
// none. Errors carry their details (//proto:rpc_status). Each of these is a layer: a stub makes one
// attempt, its decorator says who asks (stub.h), the connection tries again (connection.h).
#ifndef DESCENT_CLIENT_CPP_CLIENT_H_
#define DESCENT_CLIENT_CPP_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/clock.h"
#include "client/cpp/connection.h"
#include "client/cpp/job_watch.h"
#include "client/cpp/prediction.h"
#include "client/cpp/stub.h"
#include "client/cpp/target.h"
#include "descent/v1/audit_service.pb.h"
#include "descent/v1/dataset_service.pb.h"
#include "descent/v1/token_service.pb.h"
#include "descent/v1/training_service.pb.h"
#include "proto/rules/trace_context.h"

namespace descent::client {

class Client {
 public:
  struct Options {
    // Where the daemon is. A token that may not be sent there (CheckTarget) is not.
    Target target = {};
    // Who asks; the local user if empty.
    std::string principal = {};
    // In whose trace; that of the environment (LocalTrace) if empty.
    rules::TraceContext trace = {};
    // These are Connection::Options'.
    absl::Duration call_timeout = absl::Seconds(60);
    absl::Duration retry_for = absl::Seconds(2);
  };

  explicit Client(Options options);
  // Makes a client on a stub and a clock of the caller's, so that the target is not connected to.
  // `clock` must outlive it.
  Client(Options options, std::unique_ptr<Stub> stub, Clock* clock);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  absl::StatusOr<v1::Job> CreateJob(v1::CreateJobRequest request) const;
  absl::StatusOr<v1::ValidateSpecResponse> ValidateSpec(const v1::Spec& spec) const;
  absl::StatusOr<v1::Job> GetJob(const std::string& name) const;
  // Gives all pages, newest first; at most `limit` jobs if it is positive.
  absl::StatusOr<std::vector<v1::Job>> ListJobs(const std::string& filter, int limit = 0) const;
  absl::Status DeleteJob(const std::string& name, bool force) const;

  // Gives the event `command_applied` once the commands are in force and durable. If the deadline
  // passes first the request stays accepted, and the same request_id gets its answer.
  absl::StatusOr<v1::Event> Command(v1::CommandJobRequest request) const;

  // Watches a job's journal, over lost connections too. The watch must not outlive the client.
  std::unique_ptr<JobWatch> Watch(JobWatch::Options options) const;

  // Calls PredictJob. The call must not outlive the client.
  std::unique_ptr<Prediction> Predict(v1::PredictJobRequest request) const;

  // Gives all pages of who did what, newest first; at most `limit` entries if it is positive. The
  // request's page_size and page_token are not looked at.
  absl::StatusOr<std::vector<v1::AuditEntry>> ListAuditEntries(v1::ListAuditEntriesRequest request,
                                                               int limit = 0) const;

  // These are TokenService's methods.
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(const v1::CreateTokenRequest& request) const;
  absl::StatusOr<v1::ListTokensResponse> ListTokens() const;
  absl::Status RevokeToken(const std::string& id) const;
  absl::StatusOr<v1::CreateLoginCodeResponse> CreateLoginCode() const;

  // These are DatasetService's methods; dataset_upload.h uploads a dataset with them.
  absl::StatusOr<v1::Dataset> CreateDataset(const v1::CreateDatasetRequest& request) const;
  absl::StatusOr<v1::Dataset> WriteDataset(const v1::WriteDatasetRequest& request) const;
  absl::StatusOr<v1::Dataset> GetDataset(const std::string& name) const;
  absl::StatusOr<v1::ListDatasetsResponse> ListDatasets() const;
  absl::Status DeleteDataset(const std::string& name) const;

  const Options& options() const { return options_; }

 private:
  const Options options_;
  const Connection connection_;
};

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_CLIENT_H_
