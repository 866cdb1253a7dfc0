// A `Stub` makes one attempt at each method of TrainingService, DatasetService, TokenService and
// AuditService. What every call needs is a decorator: a stub that holds another one and adds one
// thing (who asks, say), testable alone. How often a call is attempted is not a stub's business
// (connection.h).
//
// Thread-safe. Errors carry their details (//proto:rpc_status). A context belongs to one call and
// outlives it.
#ifndef DESCENT_CLIENT_CPP_STUB_H_
#define DESCENT_CLIENT_CPP_STUB_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cpp/target.h"
#include "descent/v1/audit_service.pb.h"
#include "descent/v1/dataset_service.pb.h"
#include "descent/v1/token_service.pb.h"
#include "descent/v1/training_service.pb.h"
#include "proto/rules/trace_context.h"

namespace descent::client {

class Stub {
 public:
  template <class Response>
  using Reader = std::unique_ptr<grpc::ClientReaderInterface<Response>>;

  virtual ~Stub() = default;

  virtual absl::StatusOr<v1::Job> CreateJob(grpc::ClientContext* context,
                                            const v1::CreateJobRequest& request) = 0;
  virtual absl::StatusOr<v1::Job> GetJob(grpc::ClientContext* context,
                                         const v1::GetJobRequest& request) = 0;
  virtual absl::StatusOr<v1::ListJobsResponse> ListJobs(grpc::ClientContext* context,
                                                        const v1::ListJobsRequest& request) = 0;
  virtual absl::StatusOr<v1::DeleteJobResponse> DeleteJob(grpc::ClientContext* context,
                                                          const v1::DeleteJobRequest& request) = 0;
  virtual absl::StatusOr<v1::ValidateSpecResponse> ValidateSpec(
      grpc::ClientContext* context, const v1::ValidateSpecRequest& request) = 0;
  virtual absl::StatusOr<v1::CommandJobResponse> CommandJob(
      grpc::ClientContext* context, const v1::CommandJobRequest& request) = 0;
  virtual Reader<v1::WatchJobResponse> WatchJob(grpc::ClientContext* context,
                                                const v1::WatchJobRequest& request) = 0;
  virtual Reader<v1::PredictJobResponse> PredictJob(grpc::ClientContext* context,
                                                    const v1::PredictJobRequest& request) = 0;
  virtual absl::StatusOr<v1::ListAuditEntriesResponse> ListAuditEntries(
      grpc::ClientContext* context, const v1::ListAuditEntriesRequest& request) = 0;
  virtual absl::StatusOr<v1::CreateTokenResponse> CreateToken(
      grpc::ClientContext* context, const v1::CreateTokenRequest& request) = 0;
  virtual absl::StatusOr<v1::ListTokensResponse> ListTokens(
      grpc::ClientContext* context, const v1::ListTokensRequest& request) = 0;
  virtual absl::StatusOr<v1::RevokeTokenResponse> RevokeToken(
      grpc::ClientContext* context, const v1::RevokeTokenRequest& request) = 0;
  virtual absl::StatusOr<v1::CreateLoginCodeResponse> CreateLoginCode(
      grpc::ClientContext* context, const v1::CreateLoginCodeRequest& request) = 0;
  virtual absl::StatusOr<v1::Dataset> CreateDataset(grpc::ClientContext* context,
                                                    const v1::CreateDatasetRequest& request) = 0;
  virtual absl::StatusOr<v1::Dataset> WriteDataset(grpc::ClientContext* context,
                                                   const v1::WriteDatasetRequest& request) = 0;
  virtual absl::StatusOr<v1::Dataset> GetDataset(grpc::ClientContext* context,
                                                 const v1::GetDatasetRequest& request) = 0;
  virtual absl::StatusOr<v1::ListDatasetsResponse> ListDatasets(
      grpc::ClientContext* context, const v1::ListDatasetsRequest& request) = 0;
  virtual absl::StatusOr<v1::DeleteDatasetResponse> DeleteDataset(
      grpc::ClientContext* context, const v1::DeleteDatasetRequest& request) = 0;
};

// Gives a stub that calls the target's server. Making one does not connect: the first call does.
// The target's token is not its business.
std::unique_ptr<Stub> MakeGrpcStub(const Target& target);

// Gives a stub that says with every call who asks and in which trace, and brings `token` unless it
// is empty.
std::unique_ptr<Stub> MakeIdentityStub(std::unique_ptr<Stub> stub, std::string principal,
                                       const std::string& token = "",
                                       rules::TraceContext trace = {});

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_STUB_H_
