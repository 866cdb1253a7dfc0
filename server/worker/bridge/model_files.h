// The files that a model begins with (an initializer's values): they are inputs of the run as its
// data are.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_MODEL_FILES_H_
#define DESCENT_SERVER_WORKER_BRIDGE_MODEL_FILES_H_

#include <string>

#include "core/data/data_roots.h"
#include "descent/v1/event.pb.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Adds the digest of every file that a field of the spec's models names. A violation names the
// field if one can't be read or is in none of the roots, so it comes before anybody builds the
// models. Any thread.
void AddModelFiles(const api::Spec& spec, const DataRoots& roots, api::SpecSummary* summary,
                   Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_MODEL_FILES_H_
