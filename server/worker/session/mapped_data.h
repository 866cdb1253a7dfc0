// `MappedData` are the data files that a run reads from while it trains, since their tensors are
// parts of the mapped files and no copies: whoever writes into one of them changes the run. One
// thread at a time.
#ifndef DESCENT_SERVER_WORKER_SESSION_MAPPED_DATA_H_
#define DESCENT_SERVER_WORKER_SESSION_MAPPED_DATA_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/data/data_roots.h"
#include "core/data/file.h"
#include "server/common/clock.h"
#include "server/worker/bridge/prepare.h"

namespace descent::worker {

class MappedData {
 public:
  MappedData(const Prepared& prepared, const DataRoots& roots, const server::Clock* clock);

  bool empty() const { return files_.empty(); }

  // Gives DATA_LOSS, naming the file, if one is not what the run began with. Files that were looked
  // at in the last tenth of a second are taken for unchanged unless `at_once`.
  absl::Status Check(bool at_once);

 private:
  const DataRoots& roots_;
  const server::Clock* const clock_;
  std::vector<FileDigest> files_;
  int64_t checked_nanos_ = 0;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_MAPPED_DATA_H_
