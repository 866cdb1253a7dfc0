// Makes a worker's first iteration as quick as its second. A free function; once a process.
#ifndef DESCENT_SERVER_WORKER_SESSION_WARM_UP_H_
#define DESCENT_SERVER_WORKER_SESSION_WARM_UP_H_

namespace descent::worker {

// Trains a tiny model for a few steps: LibTorch's libraries are paged in, its kernels and autograd
// set up.
void WarmUp();

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_WARM_UP_H_
