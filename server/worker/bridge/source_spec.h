// Makes a `DataSource` one of core's sources of data, of whatever kind: by the fields that those
// declare, which the messages call the same. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_SOURCE_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_SOURCE_SPEC_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/data/sources.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks the fields and fills in defaults; `seed` is for synthetic data that has none. With
// inputs_only (ReadOptions) whatever is called `targets` may be missing.
void ResolveSource(const std::string& field, uint64_t seed, api::DataSource* source,
                   Violations* violations, bool inputs_only = false);

// Gives the form of a source that was resolved without violations.
std::unique_ptr<SourceForm> ToSource(const api::DataSource& source);

// Gives the paths that it names.
std::vector<std::string> FilesOf(const api::DataSource& source);

// Gives the test source the fields that only the training source has, if they are of one kind and
// the fields are neither paths nor seeds: the columns of a table need be said once.
void InheritFields(const api::DataSource& train, api::DataSource* test);

// Gives the reason of a violation by a file that could not be read or is not what it should be.
const char* FileReason(const absl::Status& status);
// Adds a source's error as a violation of the field whose file, column or array it is about.
void AddSourceViolation(const std::string& field, const api::DataSource& source,
                        const absl::Status& status, Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_SOURCE_SPEC_H_
