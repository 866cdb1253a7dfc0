// A `DataCache` reads and encodes the data of a spec, and keeps what was read lately, so that a job
// whose spec was just validated starts at once. Data are recognized by path, size, modification
// time and inode of every file. One thread at a time.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_DATA_CACHE_H_
#define DESCENT_SERVER_WORKER_BRIDGE_DATA_CACHE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/data/data_roots.h"
#include "core/data/dataset.h"
#include "core/data/encode.h"
#include "core/data/file.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

struct LoadedData {
  Dataset train;
  std::optional<Dataset> test;
  // These are of the training data: what numbers stand for, a table's inputs and targets in order,
  // and what was learned.
  Categories categories;
  std::vector<std::string> columns;
  std::vector<std::string> target_columns;
  std::optional<Encoder> encoder;
};

class DataCache {
 public:
  // Files must be in the roots.
  explicit DataCache(DataRoots roots = {}) : roots_(std::move(roots)) {}

  // Loads the data of a spec that was resolved without them; from the cache if no file has changed.
  // False if there are violations.
  bool Load(const api::Spec& spec, LoadedData* data, Violations* violations);

  const DataRoots& roots() const { return roots_; }

 private:
  struct Entry {
    std::string key;  // what was asked for, serialized
    std::vector<FileStamp> stamps;
    double default_divisor;  // for inputs of their type
    LoadedData data;
    int64_t bytes;

    bool Has(const EncodeOptions& options) const;
  };

  bool Stamp(const std::string& field, const api::DataSource& source,
             std::vector<FileStamp>* stamps, Violations* violations) const;
  bool Read(const api::Spec& spec, LoadedData* data, Violations* violations) const;
  void Evict();

  const DataRoots roots_;
  std::deque<Entry> entries_;  // the latest comes first
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_DATA_CACHE_H_
