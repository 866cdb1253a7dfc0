// What a worker is, and tells of itself. Free functions.
#ifndef DESCENT_SERVER_WORKER_SESSION_WORKER_INFO_H_
#define DESCENT_SERVER_WORKER_SESSION_WORKER_INFO_H_

#include "descent/v1/event.pb.h"

namespace descent::worker {

// Has LibTorch compute in one thread until a job says otherwise. It must come before anything that
// computes.
void UseOneThread();

// Gives what this process is: program and LibTorch version, CPU capability, threads, host, pid and
// start time. Any thread.
::descent::v1::WorkerInfo ThisWorker();

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_WORKER_INFO_H_
