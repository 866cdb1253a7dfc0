// Estimates the running averages of a model that was not trained itself, such as the average of
// several.
#ifndef DESCENT_CORE_OBJECTIVE_ESTIMATE_STATES_H_
#define DESCENT_CORE_OBJECTIVE_ESTIMATE_STATES_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "core/data/batch.h"
#include "core/model/layers.h"

namespace descent {

// Makes the states the means over the batches first … first + count − 1, count ≥ 1, of which each
// (but for one with a single example, which has no variance) is looked at once in training mode,
// without recording a graph (Izmailov et al. 2018, section 3.2; torch.optim.swa_utils.update_bn).
// States that are held stay. The same arguments give the same bits. INTERNAL, with LibTorch's
// message, if the model can't be used on a batch.
absl::Status EstimateStates(const Model& model, int64_t first, int64_t count,
                            absl::FunctionRef<const Batch&(int64_t iteration)> batches);

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_ESTIMATE_STATES_H_
