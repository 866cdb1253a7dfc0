#ifndef DESCENT_SERVER_WORKER_SESSION_WORKER_H_
#define DESCENT_SERVER_WORKER_SESSION_WORKER_H_

// The life of a worker process: a spare that validates specs and predicts, then one
// attempt of one job.

#include <string>
#include <vector>

#include "server/worker/session/session.h"

namespace descent::worker {

struct WorkerOptions {
  SessionOptions session;
  // Folders that data may be read from; none: everywhere. Each must exist.
  std::vector<std::string> data_roots;
  // Events that are not acknowledged; beyond it the training waits.
  size_t max_buffer_bytes = size_t{64} << 20;
};

// Ends the process soon, as the daemon's Leave does. Any thread; the second time at once.
void RequestLeave(Inbox* inbox, const char* reason);

// On the calling thread, until the worker is no longer needed; gives the exit code.
int RunWorker(const WorkerOptions& options, Inbox* inbox);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_WORKER_H_
