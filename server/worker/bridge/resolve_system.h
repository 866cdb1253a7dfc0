// What can be known of a system without its data. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_RESOLVE_SYSTEM_H_
#define DESCENT_SERVER_WORKER_BRIDGE_RESOLVE_SYSTEM_H_

#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks what can be checked without the data, and fills in defaults. The spec has its seed.
void ResolveSystem(api::Spec* spec, Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_RESOLVE_SYSTEM_H_
