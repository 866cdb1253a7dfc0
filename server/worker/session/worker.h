// The life of a worker process: it is a spare that validates specs and predicts, then one attempt
// of one job.
#ifndef DESCENT_SERVER_WORKER_SESSION_WORKER_H_
#define DESCENT_SERVER_WORKER_SESSION_WORKER_H_

#include <string>
#include <vector>

#include "server/worker/session/session.h"

namespace descent::worker {

struct WorkerOptions {
  // With `confinement.filesystem` the whole process is confined, for good, once it is given a job.
  SessionOptions session;
  // The folders that data may be read from; if there are none, it may be from everywhere. Each must
  // exist.
  std::vector<std::string> data_roots;
  std::vector<std::string> keep_out = {};  // no data are read of these, even within the roots
  // Files of which none are read either, whatever names they have: hard links.
  std::vector<std::string> secrets = {};
  // Data may be read of these wherever they lie: the folder of the datasets is in the daemon's own,
  // which is kept out.
  std::vector<std::string> shared = {};
  // The folder of all jobs' folders, of which a spare reads checkpoints and may get one; if it is
  // given, a spare is confined to it and the data.
  std::string jobs = "";
  // So many bytes of events may be unacknowledged; beyond that the training waits.
  size_t max_buffer_bytes = size_t{64} << 20;
};

// Ends the process soon, as the daemon's Leave does; the second time at once. Any thread.
void RequestLeave(Inbox* inbox, const char* reason);

// Runs on the calling thread until the worker is no longer needed; gives the exit code.
int RunWorker(const WorkerOptions& options, Inbox* inbox);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_WORKER_H_
