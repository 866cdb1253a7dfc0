// `DatasetRequests` is DatasetService as values, as Requests is TrainingService: the caller's role
// is checked, then the request by itself, then whose the dataset is, before the store hears of it.
// A value of two pointers; thread-safe.
#ifndef DESCENT_SERVER_DAEMON_REQUESTS_DATASET_REQUESTS_H_
#define DESCENT_SERVER_DAEMON_REQUESTS_DATASET_REQUESTS_H_

#include "absl/status/statusor.h"
#include "descent/v1/dataset_service.pb.h"
#include "server/daemon/datasets/store.h"
#include "server/daemon/requests/request_counts.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class DatasetRequests {
 public:
  // `store` must outlive it. Null: everything is UNIMPLEMENTED.
  // `counts` are told of every answer, and must outlive it too; null: nobody is.
  explicit DatasetRequests(DatasetStore* store, RequestCounts* counts = nullptr)
      : store_(store), counts_(counts) {}

  // The first two and the last block: they write files, and the last chunk has all of them read.
  absl::StatusOr<v1::Dataset> Create(const Caller& caller,
                                     const v1::CreateDatasetRequest& request) const;
  absl::StatusOr<v1::Dataset> Write(const Caller& caller,
                                    const v1::WriteDatasetRequest& request) const;
  absl::StatusOr<v1::Dataset> Get(const Caller& caller, const v1::GetDatasetRequest& request) const;
  absl::StatusOr<v1::ListDatasetsResponse> List(const Caller& caller,
                                                const v1::ListDatasetsRequest& request) const;
  absl::StatusOr<v1::DeleteDatasetResponse> Delete(const Caller& caller,
                                                   const v1::DeleteDatasetRequest& request) const;

 private:
  DatasetStore* store_;
  RequestCounts* counts_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_REQUESTS_DATASET_REQUESTS_H_
