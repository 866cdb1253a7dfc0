// Refuses numbers that a run's dtype can't hold. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_REPRESENTABLE_H_
#define DESCENT_SERVER_WORKER_BRIDGE_REPRESENTABLE_H_

#include <optional>
#include <string>

#include "descent/v1/spec.pb.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Gives the sentence that refuses a number which is finite, but infinite in the dtype, and nothing
// of any other.
std::optional<std::string> TooLarge(double value, ::descent::v1::Execution::Dtype dtype);

// Finds numbers of the model, the objective and the optimizer that are finite, but infinite in the
// run's dtype, or not zero, but zero in it (an epsilon of 1e-50 keeps nothing from being divided by
// zero). Those of sequences may come as near to zero as they like. `spec` has its dtype. The
// violations are OUT_OF_RANGE.
void CheckRepresentable(const api::Spec& spec, Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_REPRESENTABLE_H_
