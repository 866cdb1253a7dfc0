// Whether the files that a job reads are still those that were validated. Free functions; any
// thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_DATA_DIGESTS_H_
#define DESCENT_SERVER_WORKER_BRIDGE_DATA_DIGESTS_H_

#include "absl/status/status.h"
#include "core/data/data_roots.h"
#include "descent/v1/event.pb.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks it of data that were prepared again. DATA_LOSS names the file that has changed.
absl::Status CheckDigests(const api::SpecSummary& prepared, const api::SpecSummary& expected);

// Checks the same of data that could not be prepared: their files are read again, as far as they
// are there.
absl::Status CheckFiles(const api::SpecSummary& expected, const DataRoots& roots);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_DATA_DIGESTS_H_
