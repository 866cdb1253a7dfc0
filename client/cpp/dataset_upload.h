// Sends files of this machine to a daemon as a dataset, and goes on with what was interrupted. Free
// functions; any thread.
#ifndef DESCENT_CLIENT_CPP_DATASET_UPLOAD_H_
#define DESCENT_CLIENT_CPP_DATASET_UPLOAD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "client/cpp/clock.h"
#include "descent/v1/dataset_service.pb.h"
#include "proto/dataset_manifest.h"

namespace descent::client {

// Files that are to be sent.
struct LocalDataset {
  std::vector<DatasetFile> files;    // in the manifest's order
  std::vector<std::string> sources;  // where each is on this machine
  std::string manifest;
  std::string digest;  // its SHA-256
  int64_t bytes = 0;   // of all files
};

// How far it is, in bytes.
using DatasetProgress = std::function<void(int64_t done, int64_t all)>;

// Reads a file, which becomes a dataset of this one, or a folder with all files in it but those
// whose names begin with a dot. Links to files are followed. NOT_FOUND or INVALID_ARGUMENT name
// what can't be sent.
absl::StatusOr<LocalDataset> ReadLocalDataset(const std::string& path,
                                              const DatasetProgress& progress = nullptr);

// Uploads it under this name (`datasets/x`), or what is missing of it, and waits until it is
// complete. While chunks arrive, lost connections are got over; UNAVAILABLE says how far it
// is. `clock` is for the waits.
absl::StatusOr<v1::Dataset> UploadDataset(const Client& client, const std::string& name,
                                          const std::string& group, const LocalDataset& dataset,
                                          const DatasetProgress& progress, Clock* clock);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_DATASET_UPLOAD_H_
