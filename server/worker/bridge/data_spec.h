#ifndef DESCENT_SERVER_WORKER_BRIDGE_DATA_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_DATA_SPEC_H_

// `Spec.data` to core: what is read, how it is encoded, in which order a run goes through it. Free
// functions; any thread.

#include <cstdint>

#include "core/data/batch_maker.h"
#include "core/data/dataset.h"
#include "core/data/encode.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks what can be checked without the data, and fills in defaults. The spec has its seed.
void ResolveData(api::Spec* spec, Violations* violations);

// Defaults and checks that the data decide: whether batches are made ahead; orders and pictures
// that don't go with them. Once the batch size is known.
void ResolveBatches(const Dataset& train, api::Spec* spec, Violations* violations);

// What was learned of the training inputs' encoding; a test that is of another one was refused.
void ResolveEncoding(const InputEncoding& encoding, api::Data* data);

// Of a resolved spec; without its encoding until the data are known.
EncodeOptions ToEncodeOptions(const api::Spec& spec);
BatchOptions ToBatchOptions(const api::Spec& spec);
// The number of batches in an epoch.
int64_t IterationsPerEpoch(int64_t examples, const api::Spec& spec);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_DATA_SPEC_H_
