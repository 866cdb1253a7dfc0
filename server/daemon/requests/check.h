// Checks what can be said about a request by looking at it alone, before any job hears of it: the
// same over gRPC and over HTTP. Pure functions; any thread.
//
// Errors are INVALID_ARGUMENT with every field violation that was found, the first of them in the
// message. Fields that this version does not know are refused at any depth: a command or a setting
// that would silently not happen is worse than an error.
#ifndef DESCENT_SERVER_DAEMON_REQUESTS_CHECK_H_
#define DESCENT_SERVER_DAEMON_REQUESTS_CHECK_H_

#include "absl/status/status.h"
#include "descent/v1/audit_service.pb.h"
#include "descent/v1/dataset_service.pb.h"
#include "descent/v1/token_service.pb.h"
#include "descent/v1/training_service.pb.h"

namespace descent::daemon {

absl::Status CheckRequest(const v1::CreateJobRequest& request);
absl::Status CheckRequest(const v1::GetJobRequest& request);
absl::Status CheckRequest(const v1::ListJobsRequest& request);
absl::Status CheckRequest(const v1::DeleteJobRequest& request);
absl::Status CheckRequest(const v1::ValidateSpecRequest& request);
absl::Status CheckRequest(const v1::WatchJobRequest& request);
absl::Status CheckRequest(const v1::CommandJobRequest& request);
absl::Status CheckRequest(const v1::PredictJobRequest& request);

absl::Status CheckRequest(const v1::ListAuditEntriesRequest& request);

absl::Status CheckRequest(const v1::CreateTokenRequest& request);
absl::Status CheckRequest(const v1::ListTokensRequest& request);
absl::Status CheckRequest(const v1::RevokeTokenRequest& request);
absl::Status CheckRequest(const v1::CreateLoginCodeRequest& request);

absl::Status CheckRequest(const v1::CreateDatasetRequest& request);
absl::Status CheckRequest(const v1::WriteDatasetRequest& request);
absl::Status CheckRequest(const v1::GetDatasetRequest& request);
absl::Status CheckRequest(const v1::ListDatasetsRequest& request);
absl::Status CheckRequest(const v1::DeleteDatasetRequest& request);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_REQUESTS_CHECK_H_
