// A `DatasetStore` keeps the datasets that clients uploaded: complete ones in DATA/datasets/NAME,
// where workers may read them and nobody writes any more, and uploads in DATA/uploads. Thread-safe.
//
// Whoever is asked for a role, and for whose a dataset is, is asked before (requests/); only whose
// an upload under way is, which CreateDataset would go on with, the store keeps from others itself.
// Errors have reasons (proto/rules/reasons.h).
#ifndef DESCENT_SERVER_DAEMON_DATASETS_STORE_H_
#define DESCENT_SERVER_DAEMON_DATASETS_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/dataset_service.pb.h"
#include "proto/dataset_manifest.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

// As long as it is held, a dataset is not deleted.
using DatasetUse = std::shared_ptr<const void>;

class DatasetStore {
 public:
  static constexpr int64_t kExpiryNanos = int64_t{3} * 24 * 3600 * server::kSecond;
  static constexpr size_t kMaxDatasets = 1000;  // uploads are counted
  static constexpr size_t kMaxUploads = 32;

  struct Options {
    std::string data_dir;     // exists; datasets/ and uploads/ are made in it
    int64_t quota_bytes = 0;  // of all together; 0: what the disk holds
    // So much room is left on the disk, for the journals.
    int64_t reserve_bytes = int64_t{256} << 20;
    const server::Clock* clock = server::Clock::Real();
  };

  // Takes up what is in the folder. What can't be read is left where it is (a dataset), or removed
  // (an upload), and told in the log. RESOURCE_EXHAUSTED or UNAVAILABLE if the folders can't be
  // made.
  static absl::StatusOr<std::unique_ptr<DatasetStore>> Open(const Options& options);

  ~DatasetStore();
  DatasetStore(const DatasetStore&) = delete;
  DatasetStore& operator=(const DatasetStore&) = delete;

  // Where complete datasets lie: DATA/datasets.
  const std::string& folder() const { return folder_; }

  // These are DatasetService's methods; the requests have been checked. The first two and the last
  // write files.
  absl::StatusOr<v1::Dataset> Create(const Caller& caller, const v1::CreateDatasetRequest& request);
  absl::StatusOr<v1::Dataset> Write(const v1::WriteDatasetRequest& request);
  absl::StatusOr<v1::Dataset> Get(const std::string& name) const;
  v1::ListDatasetsResponse List() const;
  absl::StatusOr<v1::DeleteDatasetResponse> Delete(const std::string& name);

  // Says whose a dataset, or an upload, is. NOT_FOUND (`DATASET_NOT_FOUND`) names the nearest one.
  absl::StatusOr<Ownership> OwnershipOf(const std::string& name) const;

  // Holds a complete dataset for `user` (`jobs/x`), which is what is said of who uses it. Does not
  // block. NOT_FOUND as above; FAILED_PRECONDITION (`DATASET_EXISTS`) if `digest` is not empty and
  // it has another one. `held` is not to outlive the store.
  struct Held {
    v1::Dataset dataset;
    DatasetUse held;
  };
  absl::StatusOr<Held> Use(const std::string& id, const std::string& digest,
                           const std::string& user);

  // Gives the files of a complete dataset. It reads a file; DATA_LOSS if that is damaged.
  absl::StatusOr<std::vector<DatasetFile>> FilesOf(const std::string& id) const;

 private:
  struct Slot;  // an upload
  struct Ready {
    v1::Dataset dataset;
    std::map<int64_t, std::string> users = {};
  };

  explicit DatasetStore(const Options& options);

  absl::Status MakeFolders() const;
  void Load();
  void LoadUpload(const std::string& folder);
  // Forgets uploads that nothing was added to for long, and removes them.
  void SweepExpired();
  // Takes the upload out of the index, if it is there, and removes what there is of it.
  void Discard(const std::shared_ptr<Slot>& slot);
  void RemoveContent(Slot& slot);
  // Makes a dataset of the upload, whose lock is held.
  absl::StatusOr<v1::Dataset> Finish(const std::shared_ptr<Slot>& slot);

  absl::Status NotFound(const std::string& name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRoom(const v1::CreateDatasetRequest& request) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives the bytes that count against the quota, but for the upload of this id.
  int64_t UsedBytes(const std::string& but_of) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static v1::Dataset Shown(const Ready& ready);
  static v1::Dataset Shown(const Slot& slot);
  std::string NewFolder(const std::string& prefix);

  const Options options_;
  const std::string folder_;
  const std::string uploads_folder_;

  // It is never held while a file is read or written; a slot's own lock comes before it.
  mutable server::Mutex mutex_;
  std::map<std::string, Ready> ready_ ABSL_GUARDED_BY(mutex_);                    // by {dataset}
  std::map<std::string, std::shared_ptr<Slot>> uploads_ ABSL_GUARDED_BY(mutex_);  // by {dataset}
  int64_t last_use_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_DATASETS_STORE_H_
