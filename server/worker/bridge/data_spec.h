// Makes `Spec.data` core's options: what is read, how it is encoded, in which order a run goes
// through it. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_DATA_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_DATA_SPEC_H_

#include <cstdint>

#include "core/data/batch_maker.h"
#include "core/data/dataset.h"
#include "core/data/encode.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks what can be checked without the data, and fills in defaults. The spec has its seed.
void ResolveData(api::Spec* spec, Violations* violations);
// Checks that the training data are evaluated only beside test data.
void CheckEvaluation(const api::Evaluation& evaluation, bool has_test, Violations* violations);

// Fills in the defaults that the data decide (whether batches are made ahead), and refuses orders
// and pictures that don't go with them. It comes once the batch size is known.
void ResolveBatches(const Dataset& train, api::Spec* spec, Violations* violations);

// Writes down what was learned of the training inputs' encoding; a test that is of another one was
// refused.
void ResolveEncoding(const InputEncoding& encoding, api::Data* data);

// Give core's options for a resolved spec; its encoding is there once the data are known.
EncodeOptions ToEncodeOptions(const api::Spec& spec);
BatchOptions ToBatchOptions(const api::Spec& spec);
// Gives the number of batches in an epoch.
int64_t IterationsPerEpoch(int64_t examples, const api::Spec& spec);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_DATA_SPEC_H_
