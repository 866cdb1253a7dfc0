// Which checkpoints a stored journal names, and whether their files are there, as a part of
// `descentd check` and `descentd backup`. A StoredShelf is for one thread at a time.
#ifndef DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_CHECK_H_
#define DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_CHECK_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "descent/v1/event.pb.h"
#include "server/daemon/jobs/checkpoint_files.h"
#include "server/daemon/jobs/checkpoint_shelf.h"
#include "server/daemon/journal/check.h"

namespace descent::daemon {

// The checkpoints of a journal as it is stored, where all is durable.
class StoredShelf {
 public:
  // `job` is its name, for sentences.
  explicit StoredShelf(std::string job) : shelf_(std::move(job)) {}

  // Takes every CREATED and CHECKPOINT_SAVED of the journal, in order.
  void Apply(const v1::Event& event);

  // Those that newer ones have not pushed out, oldest first: a job has the files of these.
  const std::vector<CheckpointRecord>& kept() const { return shelf_.records(); }
  // All that were ever saved, by name, each as it was saved last. Files of more than are kept may
  // be there, for somebody needs them.
  const std::map<std::string, CheckpointRecord>& saved() const { return saved_; }

 private:
  CheckpointShelf shelf_;
  std::map<std::string, CheckpointRecord> saved_;
  int64_t keep_ = KeptCheckpoints({});
};

// Looks at the files of all checkpoints that the whole journals of a report keep, those that newer
// ones have not pushed out: each must be there, a regular file, of the size and the SHA-256 that
// its journal says. Adds to the report what is not so. A daemon may serve the folder meanwhile, and
// replace or remove checkpoints: what is missing counts only if the journal still keeps it. Reads
// every byte of the files: about a second a GB. The error says why the store can't be read.
absl::Status CheckCheckpoints(const std::string& data_dir, const FileDigest& digest,
                              const CheckProgress& progress, StoreReport* report);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_CHECK_H_
