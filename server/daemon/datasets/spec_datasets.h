// What a spec says of datasets. In the journal and to people it says `dataset: NAME`, its digest,
// and paths that are relative in it, so that a folder of the daemon may be moved; to workers the
// same paths are absolute. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_DATASETS_SPEC_DATASETS_H_
#define DESCENT_SERVER_DAEMON_DATASETS_SPEC_DATASETS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "descent/v1/data.pb.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"
#include "server/daemon/datasets/store.h"

namespace descent::daemon {

// Checks what the spec's data sources say of datasets, fills in digests and the paths that may be
// left out, and holds the datasets for `user` (added to `held`). `store` may be null: there are
// none. INVALID_ARGUMENT names the field. It looks at the names of files alone.
absl::Status ResolveDatasets(DatasetStore* store, const std::string& user, v1::Spec* spec,
                             std::vector<DatasetUse>* held);
// Does the same to one source, which is at `field`.
absl::Status ResolveDatasets(DatasetStore* store, const std::string& user, const std::string& field,
                             v1::DataSource* source, std::vector<DatasetUse>* held);

// Holds what a resolved spec names. An error is FAILED_PRECONDITION (`DATASET_NOT_FOUND`): one
// isn't there any more, or is another one of the same name; the others are held all the same.
absl::Status HoldDatasets(DatasetStore* store, const std::string& user, const v1::Spec& spec,
                          std::vector<DatasetUse>* held);

// Make the paths of a resolved spec, a source or a summary absolute, for a worker: `folder` is the
// store's. What is absolute stays.
void LocateDatasets(const std::string& folder, v1::Spec* spec);
void LocateDatasets(const std::string& folder, v1::DataSource* source);
void LocateDatasets(const std::string& folder, v1::SpecSummary* summary);

// Make them relative again, in what a worker answers: a digest's path is `datasets/NAME/PATH`.
void UnlocateDatasets(const std::string& folder, v1::Spec* spec);
void UnlocateDatasets(const std::string& folder, v1::SpecSummary* summary);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_DATASETS_SPEC_DATASETS_H_
