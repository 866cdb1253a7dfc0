// Makes `Spec.optimizer` core's. Optimizers, wrappers and line searches are read by the fields that
// they declare (core/optimizer/kinds.h). Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_OPTIMIZER_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_OPTIMIZER_SPEC_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/optimizer/model_run.h"
#include "server/worker/bridge/sequence_spec.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks every number and fills in defaults, all but what schedules take from the run.
void ResolveOptimizer(api::Optimizer* optimizer, Violations* violations);

// Makes core's options of a resolved spec. INVALID_ARGUMENT if fields contradict each other.
absl::StatusOr<OptimizerOptions> ToOptimizerOptions(const api::Optimizer& optimizer);
// Gives the path of a dial or series that core calls by that name, `optimizer.adam.step_size`;
// those of the objective have theirs as their name.
std::string DialPath(const api::Optimizer& optimizer, std::string_view name);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_OPTIMIZER_SPEC_H_
