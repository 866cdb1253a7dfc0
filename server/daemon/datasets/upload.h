// An `Upload` is the content of one dataset on its way into a folder of its own: the manifest, then
// all files. What is there is on the disk alone, so that a daemon that was killed goes on with it.
// One thread at a time, but for what says otherwise.
//
//     FOLDER/dataset.json   what was declared: a descent.v1.Dataset
//     FOLDER/manifest
//     FOLDER/files/PATH
#ifndef DESCENT_SERVER_DAEMON_DATASETS_UPLOAD_H_
#define DESCENT_SERVER_DAEMON_DATASETS_UPLOAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/dataset_service.pb.h"
#include "proto/dataset_manifest.h"

namespace descent::daemon {

class Upload {
 public:
  // Makes the folder, which must not exist. RESOURCE_EXHAUSTED (`DISK_FULL`) or UNAVAILABLE if it
  // can't be made.
  static absl::StatusOr<std::unique_ptr<Upload>> Begin(const std::string& folder,
                                                       const v1::Dataset& declared);
  // Goes on with the one in the folder, where it stands. DATA_LOSS if that can't be told.
  static absl::StatusOr<std::unique_ptr<Upload>> Resume(const std::string& folder);

  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  // What was declared; any thread.
  const v1::Dataset& declared() const { return declared_; }
  const std::string& folder() const { return folder_; }
  // How much of the content is there, and how much there will be.
  int64_t offset() const { return offset_; }
  int64_t size() const { return declared_.manifest_bytes() + declared_.bytes(); }
  // How many files there will be; 0 as long as that is not known.
  int64_t files() const { return static_cast<int64_t>(files_.size()); }
  // When the last of it was written before Resume, as the file system's clock has it.
  int64_t resumed_nanos() const { return resumed_nanos_; }

  // Adds what comes at offset(); no more than size(). INVALID_ARGUMENT (`INVALID_MANIFEST`): it
  // can't become a dataset; else as Begin, and offset() says how much of it was taken all the same.
  absl::Status Append(std::string_view content);

  // Reads every file back, makes all durable and read-only, and gives the folder this name, which
  // must not exist. offset() must be size(). DATA_LOSS (`CHECKSUM_MISMATCH`) names a file that is
  // not what the manifest says. Gives what is said of the dataset.
  absl::StatusOr<v1::Dataset> Finish(const std::string& name);

 private:
  Upload(std::string folder, v1::Dataset declared)
      : folder_(std::move(folder)), declared_(std::move(declared)) {}

  std::string PathOf(const DatasetFile& file) const { return folder_ + "/files/" + file.path; }
  std::string ManifestPath() const { return folder_ + "/manifest"; }
  // Takes up the manifest, once it is there.
  absl::Status TakeManifest();
  // Makes files that hold nothing, and steps over those that are whole, up to the next that isn't.
  absl::Status StepOver();
  // Finds out how far the files are.
  absl::Status FindPlace();
  absl::Status Verify();

  const std::string folder_;
  const v1::Dataset declared_;
  int64_t offset_ = 0;
  std::vector<DatasetFile> files_;
  size_t next_ = 0;      // the file that is being written
  int64_t written_ = 0;  // how much of it is there
  int64_t resumed_nanos_ = 0;
};

// Gives what `dataset.json` in the folder says. DATA_LOSS if it can't be read.
absl::StatusOr<v1::Dataset> ReadDatasetNote(const std::string& folder);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_DATASETS_UPLOAD_H_
