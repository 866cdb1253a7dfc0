// Something that the kernel keeps for each thread is done on all of them. A free function.
#ifndef DESCENT_SERVER_WORKER_CONFINEMENT_EVERY_THREAD_H_
#define DESCENT_SERVER_WORKER_CONFINEMENT_EVERY_THREAD_H_

#include "absl/status/status.h"

namespace descent::worker {

// Runs `act(argument)` on every thread of this process, the calling one last, by a signal that
// interrupts what the others do; on threads that one of them has made meanwhile it may be run
// twice. It gives an errno, or 0, and does only what a signal handler may do. INTERNAL, with
// errno's text, if it failed on one; UNAVAILABLE if a thread did not take the signal within
// seconds. One thread at a time.
absl::Status OnEveryThread(int (*act)(int), int argument);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_CONFINEMENT_EVERY_THREAD_H_
