// What of a run is NaN or infinite, in words for people. Free functions; any thread.
#ifndef DESCENT_CORE_TRAIN_NON_FINITE_H_
#define DESCENT_CORE_TRAIN_NON_FINITE_H_

#include <string>

#include "core/model/layers.h"
#include "core/optimizer/model_run.h"

namespace descent {

// Gives `the value is nan and the gradients of 3 of 4 parameters are not finite, on the way back
// from the loss first that of 2.bias, then …`, or nothing if the value and every gradient are
// finite. Layers nearer to the loss have their gradients first, so that one that is not finite
// spreads from there towards the inputs.
std::string NonFiniteText(double value, const Model& gradient);

// Gives the first tensor that a model is used by (parameters, running averages) with a number that
// is not finite, as the state names it: `solution/embedding.weight`; empty if there is none. Reads
// all of them.
std::string NonFiniteTensor(const RunState& state);

}  // namespace descent

#endif  // DESCENT_CORE_TRAIN_NON_FINITE_H_
