#ifndef DESCENT_SERVER_WORKER_SPEC_MODEL_SPEC_H_
#define DESCENT_SERVER_WORKER_SPEC_MODEL_SPEC_H_

// `Spec.model` to core's layers. Free functions; any thread.

#include <cstdint>

#include "core/model/layer.h"
#include "server/worker/spec/violations.h"

namespace descent::worker {

// What can be said without data: kinds, names, dimensions, depth. Fills in names and `bias`.
void ResolveLayers(api::Layer* model, Violations* violations);

// Goes through the layers with the shape of one input on the meta device, naming those that don't
// fit; fills in `in_features`. Only after ResolveLayers without violations. False: violations.
bool ResolveShapes(const Shape& input_shape, at::ScalarType dtype, api::Layer* model,
                   Violations* violations);

// Of a resolved spec.
LayerOptions ToLayerOptions(const api::Layer& layer);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SPEC_MODEL_SPEC_H_
