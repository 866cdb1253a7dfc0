#ifndef DESCENT_SERVER_WORKER_SESSION_WARM_UP_H_
#define DESCENT_SERVER_WORKER_SESSION_WARM_UP_H_

namespace descent::worker {

// Trains a tiny model for a few steps: LibTorch's libraries are paged in, its kernels and autograd
// set up, so that a job's first iteration is as quick as its second.
void WarmUp();

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_WARM_UP_H_
