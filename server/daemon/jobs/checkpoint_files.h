// The files of a job's checkpoints (rules::CheckpointPath). All of it blocks, hashing for a second
// a GB: never on the loop, nor with a mutex held. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_FILES_H_
#define DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_FILES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "server/daemon/jobs/checkpoint_shelf.h"

namespace descent::daemon {

// Gives the SHA-256 of a file's bytes, hexadecimal; empty if it can't be read.
using FileDigest = std::function<std::string(const std::string& path)>;

// Why the file at `path` is not the one that is recorded, as a clause; empty: it is. It must be a
// regular file of the recorded size and, if `digest` is given, of the recorded digest. One that
// can't be read for want of a descriptor counts as intact: the worker that loads it will look at
// it.
std::string FaultOfCheckpoint(const CheckpointRecord& record, const std::string& path,
                              const FileDigest& digest);

// What an attempt can begin from.
struct Inspection {
  CheckpointRecord checkpoint{.iteration = -1};  // −1, and no name, is the starting point
  std::vector<std::string> passed_over;          // newer ones that are missing or damaged
};

// The first of `candidates` whose file is the recorded one, as FaultOfCheckpoint says.
Inspection InspectCheckpoints(const std::string& folder,
                              const std::vector<CheckpointRecord>& candidates,
                              const FileDigest& digest);

// Removes what workers that are no more had begun to write; one that still lives (stopped, perhaps)
// keeps its own.
void RemoveUnfinished(const std::string& folder);

// Removes the files of these checkpoints; one that is gone already is none to remove.
void RemoveCheckpoints(const std::string& folder, const std::vector<std::string>& names);

// Takes those checkpoints off the shelf whose files are gone, because newer ones pushed them out.
// The `keep` newest stay on it, gone or not, for people are told if one of these is missing.
void ForgetRemoved(const std::string& folder, int64_t keep, CheckpointShelf* shelf);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_FILES_H_
