// Makes `Spec.objective` and `Spec.evaluation.metrics` core's. Losses, metrics and penalties are
// read by the fields that they declare (core/objective/loss_kinds.h, metric_kinds.h,
// penalty_kinds.h). Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_OBJECTIVE_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_OBJECTIVE_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/layer.h"
#include "core/objective/loss.h"
#include "core/objective/loss_sum.h"
#include "core/objective/metric.h"
#include "server/worker/bridge/sequence_spec.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks every number and fills in defaults, all but a schedule's length.
void ResolveObjective(api::Objective* objective, Violations* violations);
// Does the same for metrics; only for a resolved objective without violations. If none is given it
// is accuracy, where the objective has classes.
void ResolveMetrics(const api::Objective& objective, api::Evaluation* evaluation,
                    Violations* violations);

// Checks a loss alone, of a term of a sum or of a player, and fills in its defaults. False if it is
// none.
bool ResolveTermLoss(const std::string& path, api::Objective* objective, Violations* violations);
Loss ToLoss(const api::Objective& objective);
// Gives the losses of an objective, which may have violations: a term that is none is left out.
std::vector<Loss> LossesOf(const api::Objective& objective);

// Make core's losses and metrics of resolved specs.
LossSum ToLossSum(const api::Objective& objective);
std::vector<Metric> ToMetrics(const api::Evaluation& evaluation);

// Checks that losses and metrics go with a model's output and with targets of one example.
void CheckObjectiveShapes(const api::Spec& spec, const Shape& output, const Shape& target,
                          Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_OBJECTIVE_SPEC_H_
