// What the spec says of where and in which numbers a run computes: `Spec.execution`. Free
// functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_EXECUTION_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_EXECUTION_SPEC_H_

#include <string>

#include "c10/core/Device.h"
#include "c10/core/ScalarType.h"
#include "descent/v1/spec.pb.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Fills in defaults; refuses a device that this machine doesn't have, and numbers that such a spec
// (its model, system or function) can't be computed in.
void ResolveExecution(api::Spec* spec, Violations* violations);

// Of a resolved spec:
//
// Gives a note to people whose run has more threads than this machine has processors; else it is
// empty.
std::string ThreadsNote(const api::Execution& execution);
at::Device ToDevice(const api::Execution& execution);
// Gives the dtype of the data, and of the parameters that are trained.
at::ScalarType ToDtype(const api::Execution& execution);
// Gives the dtype of value and gradient: the same, or kBFloat16.
at::ScalarType ToComputeDtype(const api::Execution& execution);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_EXECUTION_SPEC_H_
