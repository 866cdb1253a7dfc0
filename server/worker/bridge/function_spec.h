// Jobs whose objective is a function of a plain vector: `objective.function`, without model and
// data. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_FUNCTION_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_FUNCTION_SPEC_H_

#include "absl/status/statusor.h"
#include "core/functions/functions.h"
#include "core/model/layers.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

inline bool IsFunction(const api::Spec& spec) { return spec.objective().has_function(); }

// Checks the function and that nothing is given which such a job has no use for; fills in defaults,
// all but the starting point.
void ResolveFunction(api::Spec* spec, Violations* violations);

// Give, for a resolved spec, the function with the spec's starting point, and its model.
absl::StatusOr<Function> ToFunction(const api::Function& function);
ModelOptions FunctionModel(const api::Spec& spec, const Function& function, at::Device device);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_FUNCTION_SPEC_H_
