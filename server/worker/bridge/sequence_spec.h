// Makes a `Sequence` of a spec core's, by the fields that the schedules declare
// (core/sequence/schedule.h). Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_SEQUENCE_SPEC_H_
#define DESCENT_SERVER_WORKER_BRIDGE_SEQUENCE_SPEC_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "core/fields/fields.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "server/worker/bridge/field_reader.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Checks every number, those that the sequence yields against the range of the hyperparameter, and
// fills in defaults, all but what the run says; gives what it is then, or nothing if it is wrong.
// `field` is the sequence's path in the spec. Until ResolveSequencesInRun, lengths that nobody gave
// are 1. With null violations nobody is told.
std::optional<descent::Sequence> ReadSequence(const Range& range, const std::string& field,
                                              api::Sequence* sequence, Violations* violations);

// A `DialsReader` reads options whose sequences are dials.
class DialsReader : public FieldReader {
 public:
  using FieldReader::FieldReader;

 protected:
  void ReadInner(const Field& field) override;
  void WriteInner(const Field& field) override;
};

// How long a sequence is in a run, and what its plateaus go by, if the spec doesn't say.
struct SequenceDefaults {
  // How many numbers the sequence is asked for.
  int64_t length = 1;
  // What a plateau goes by, and of how many measurements it takes the mean.
  std::string metric = descent::Sequence::kValue;
  int64_t average = 1;
};

// Fills in the lengths of schedules that have none, and what plateaus go by, in the message, which
// may be a sequence, and in what is below it.
void ResolveSequencesInRun(const SequenceDefaults& defaults, google::protobuf::Message* message);

// Calls visit(path, plateau) for each plateau in the message, at any depth; `path` is that of the
// message.
void VisitPlateaus(const google::protobuf::Message& message, const std::string& path,
                   absl::FunctionRef<void(const std::string&, const api::PlateauSequence&)> visit);

// Gives the sequence of a resolved spec.
descent::Sequence ToSequence(const api::Sequence& sequence);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_SEQUENCE_SPEC_H_
