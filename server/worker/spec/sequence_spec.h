#ifndef DESCENT_SERVER_WORKER_SPEC_SEQUENCE_SPEC_H_
#define DESCENT_SERVER_WORKER_SPEC_SEQUENCE_SPEC_H_

// `Sequence` of a spec to core's, by the declarations of core/sequence/schedules.h and the fields
// of the message of that kind, which have the same names. Free functions; any thread.

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "server/worker/spec/violations.h"

namespace descent::worker {

// Checks every number, those that the sequence yields against the range of the hyperparameter, and
// fills in defaults, all but what the run says. `field` is the sequence's path in the spec.
void ResolveSequence(const Range& range, const std::string& field, api::Sequence* sequence,
                     Violations* violations);

// What a sequence is in a run by default.
struct SequenceDefaults {
  // It is asked for so many numbers.
  int64_t length = 1;
  // What a plateau goes by, and of how many measurements it takes the mean.
  std::string metric = descent::Sequence::kValue;
  int64_t average = 1;
};

// Fills in the lengths of schedules that have none, and what plateaus go by.
void ResolveSequenceInRun(const SequenceDefaults& defaults, api::Sequence* sequence);

// Calls visit(path, plateau) for each plateau in the message, at any depth; `path` is that of the
// message.
void VisitPlateaus(const google::protobuf::Message& message, const std::string& path,
                   absl::FunctionRef<void(const std::string&, const api::PlateauSequence&)> visit);

// Of a resolved spec.
descent::Sequence ToSequence(const api::Sequence& sequence);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SPEC_SEQUENCE_SPEC_H_
