#ifndef DESCENT_SERVER_WORKER_SPEC_DATA_CACHE_H_
#define DESCENT_SERVER_WORKER_SPEC_DATA_CACHE_H_

// Data sets that were read lately, so that a job whose spec was just validated starts at once.
// Recognized by path, size, modification time and inode of every file. One thread at a time.

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/data/dataset.h"
#include "server/worker/spec/violations.h"

namespace descent::worker {

class DataCache {
 public:
  // From the cache if the files have not changed. The errors of LoadIdx and LoadCsv.
  absl::StatusOr<Dataset> Load(const api::DataSource& source, const DatasetOptions& options);

 private:
  struct Entry {
    std::string key;  // the source and options, serialized
    std::vector<FileStamp> stamps;
    Dataset dataset;
    int64_t bytes;
  };

  void Evict();

  std::deque<Entry> entries_;  // the latest first
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SPEC_DATA_CACHE_H_
