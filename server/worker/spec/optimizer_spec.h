#ifndef DESCENT_SERVER_WORKER_SPEC_OPTIMIZER_SPEC_H_
#define DESCENT_SERVER_WORKER_SPEC_OPTIMIZER_SPEC_H_

// `Spec.optimizer` and `Spec.objective` to core's. Free functions; any thread.

#include <cstdint>
#include <string>

#include "core/objective/loss.h"
#include "core/optimizer/model_run.h"
#include "server/worker/spec/violations.h"

namespace descent::worker {

// Checks every number and fills in defaults, all but a schedule's length.
void ResolveOptimizer(api::Optimizer* optimizer, Violations* violations);

// Fills in the length of schedules that have none: that of the run.
void ResolveSchedules(int64_t iterations, api::Optimizer* optimizer);

// Of resolved specs.
OptimizerOptions ToOptimizerOptions(const api::Optimizer& optimizer);
// `optimizer.adam.`: what comes before a dial's name in its path.
std::string DialPrefix(const api::Optimizer& optimizer);
Loss ToLoss(const api::Objective& objective);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SPEC_OPTIMIZER_SPEC_H_
