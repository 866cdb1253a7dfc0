// What a worker tells of itself. A free function; any thread.
#ifndef DESCENT_SERVER_WORKER_SESSION_WORKER_INFO_H_
#define DESCENT_SERVER_WORKER_SESSION_WORKER_INFO_H_

#include "descent/v1/event.pb.h"

namespace descent::worker {

// Gives what this process is: program and LibTorch version, CPU capability, host, pid and start
// time.
::descent::v1::WorkerInfo ThisWorker();

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_WORKER_INFO_H_
