#include "server/daemon/requests/dataset_requests.h"

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/requests/check.h"
#include "server/daemon/security/rules.h"

namespace descent::daemon {
namespace {

template <class Request>
absl::Status Check(const DatasetStore* store, const Caller& caller, std::string_view what,
                   const Request& request) {
  absl::Status status = CheckRole(caller, what);
  if (status.ok()) status = CheckRequest(request);
  if (!status.ok() || store != nullptr) return status;
  return MakeError(absl::StatusCode::kUnimplemented, "this daemon keeps no datasets",
                   reason::kUnsupported);
}

absl::Status CheckOwnerOf(const DatasetStore& store, const Caller& caller, std::string_view what,
                          const std::string& name) {
  const absl::StatusOr<Ownership> ownership = store.OwnershipOf(name);
  return ownership.ok() ? CheckOwner(caller, what, name, *ownership) : ownership.status();
}

}  // namespace

absl::StatusOr<v1::Dataset> DatasetRequests::Create(const Caller& caller,
                                                    const v1::CreateDatasetRequest& request) const {
  const CountedRequest counted(counts_, "CreateDataset");
  absl::Status status = Check(store_, caller, "CreateDataset", request);
  if (status.ok()) status = CheckGroup(caller, request.group());
  if (!status.ok()) return counted.Ended<v1::Dataset>(status);
  return counted.Ended(store_->Create(caller, request));
}

absl::StatusOr<v1::Dataset> DatasetRequests::Write(const Caller& caller,
                                                   const v1::WriteDatasetRequest& request) const {
  const CountedRequest counted(counts_, "WriteDataset");
  absl::Status status = Check(store_, caller, "WriteDataset", request);
  if (status.ok()) status = CheckOwnerOf(*store_, caller, "WriteDataset", request.name());
  if (!status.ok()) return counted.Ended<v1::Dataset>(status);
  return counted.Ended(store_->Write(request));
}

absl::StatusOr<v1::Dataset> DatasetRequests::Get(const Caller& caller,
                                                 const v1::GetDatasetRequest& request) const {
  const CountedRequest counted(counts_, "GetDataset");
  absl::Status status = Check(store_, caller, "GetDataset", request);
  if (!status.ok()) return counted.Ended<v1::Dataset>(status);
  return counted.Ended(store_->Get(request.name()));
}

absl::StatusOr<v1::ListDatasetsResponse> DatasetRequests::List(
    const Caller& caller, const v1::ListDatasetsRequest& request) const {
  const CountedRequest counted(counts_, "ListDatasets");
  absl::Status status = Check(store_, caller, "ListDatasets", request);
  if (!status.ok()) return counted.Ended<v1::ListDatasetsResponse>(status);
  return counted.Ended<v1::ListDatasetsResponse>(store_->List());
}

absl::StatusOr<v1::DeleteDatasetResponse> DatasetRequests::Delete(
    const Caller& caller, const v1::DeleteDatasetRequest& request) const {
  const CountedRequest counted(counts_, "DeleteDataset");
  absl::Status status = Check(store_, caller, "DeleteDataset", request);
  if (status.ok()) status = CheckOwnerOf(*store_, caller, "DeleteDataset", request.name());
  if (!status.ok()) return counted.Ended<v1::DeleteDatasetResponse>(status);
  return counted.Ended(store_->Delete(request.name()));
}

}  // namespace descent::daemon
