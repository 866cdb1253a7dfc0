// Checks the files of checkpoints, as a part of `descentd check`. A free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_CHECK_H_
#define DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "server/daemon/jobs/checkpoint_files.h"
#include "server/daemon/journal/check.h"

namespace descent::daemon {

// Looks at the files of all checkpoints that the whole journals of a report keep, those that newer
// ones have not pushed out: each must be there, a regular file, of the size and the SHA-256 that
// its journal says. Adds to the report what is not so. A daemon may serve the folder meanwhile, and
// replace or remove checkpoints: what is missing counts only if the journal still keeps it. Reads
// every byte of the files: about a second a GB. The error says why the store can't be read.
absl::Status CheckCheckpoints(const std::string& data_dir, const FileDigest& digest,
                              const CheckProgress& progress, StoreReport* report);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_CHECK_H_
