// Makes `Spec.model` core's layers. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_MODEL_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_MODEL_SPEC_H_

#include "core/model/layer.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks what can be said without data: kinds, names, dimensions, depth. Fills in names and
// defaults. `field` is the model's in the spec.
void ResolveLayers(const std::string& field, api::Layer* model, Violations* violations);

// Builds the layers for inputs of that shape and dtype (of one example; integral for indices) on
// the meta device, naming those that don't fit; fills in what follows from it (`in_features`). Only
// after ResolveLayers without violations. False if there are violations.
bool ResolveShapes(const std::string& field, const Shape& input_shape, at::ScalarType input_dtype,
                   at::ScalarType dtype, api::Layer* model, Violations* violations);

// Gives the layers of a resolved spec.
LayerOptions ToLayerOptions(const api::Layer& layer);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_MODEL_SPEC_H_
