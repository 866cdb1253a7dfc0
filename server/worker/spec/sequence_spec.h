#ifndef DESCENT_SERVER_WORKER_SPEC_SEQUENCE_SPEC_H_
#define DESCENT_SERVER_WORKER_SPEC_SEQUENCE_SPEC_H_

// `Sequence` of a spec to core's, by the declarations of core/sequence/schedules.h and the fields
// of the message of that kind, which have the same names. Free functions; any thread.

#include <cstdint>
#include <string>

#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "server/worker/spec/violations.h"

namespace descent::worker {

// Checks every number, those that the sequence yields against the range of the hyperparameter, and
// fills in defaults, all but lengths. `field` is the sequence's path in the spec.
void ResolveSequence(const Range& range, const std::string& field, api::Sequence* sequence,
                     Violations* violations);

// Fills in the lengths of schedules that have none, when the sequence is asked for its first
// `length` numbers.
void ResolveSequenceLength(int64_t length, api::Sequence* sequence);

// Of a resolved spec.
descent::Sequence ToSequence(const api::Sequence& sequence);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SPEC_SEQUENCE_SPEC_H_
