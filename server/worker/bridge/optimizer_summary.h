// What people are shown of an optimizer before a job runs: which parameters its groups have, the
// memory that it takes, its step size over the run. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_OPTIMIZER_SUMMARY_H_
#define DESCENT_SERVER_WORKER_BRIDGE_OPTIMIZER_SUMMARY_H_

#include "core/model/layers.h"
#include "core/optimizer/model_run.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"

namespace descent::worker {

namespace api = ::descent::v1;

// Summarizes a resolved spec's optimizer; `run` is one of it over `model`, which may be on the meta
// device.
void SummarizeOptimizer(const api::Spec& spec, const Model& model, ModelRun* run,
                        api::SpecSummary* summary);

// Whether all of the model's parameters are frozen, by groups and wrappers together. The options
// must be valid for it.
bool MovesNothing(const OptimizerOptions& optimizer, const Model& model);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_OPTIMIZER_SUMMARY_H_
