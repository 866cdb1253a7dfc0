// `Violations` are what is wrong with a spec: field by field, so that a person sees all of it at
// once. One thread at a time.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_VIOLATIONS_H_
#define DESCENT_SERVER_WORKER_BRIDGE_VIOLATIONS_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "descent/v1/spec.pb.h"

namespace descent::worker {

// These are the messages of descent.v1, next to core's types of the same names.
namespace api = ::descent::v1;

struct Violation {
  std::string field;        // `model.sequential.layers[2].linear.in_features`
  std::string description;  // a sentence
  std::string reason;       // ErrorInfo.reason: SHAPE_MISMATCH
};

class Violations {
 public:
  void Add(std::string field, std::string description, std::string_view reason);
  void Add(const Violations& others);
  bool empty() const { return list_.empty(); }
  const std::vector<Violation>& list() const { return list_; }

 private:
  std::vector<Violation> list_;
};

// Gives what core says of a value, with a full stop: `delta: -1 is negative; give a finite number >
// 0.`
std::string Sentence(const absl::Status& status);

// Adds OUT_OF_RANGE unless least ≤ value ≤ most.
void CheckBounds(const std::string& field, int64_t value, int64_t least, int64_t most,
                 Violations* violations);

// Refuses a name of what is in the path of a dial or a layer unless it is 1 to 100 letters, digits,
// _ and -; false then.
bool CheckName(const std::string& path, const std::string& name, Violations* violations);

// Refuses fields that this version of the protocol does not know, at any depth: they may mean
// something that would silently not happen.
void CheckUnknownFields(const google::protobuf::Message& message, Violations* violations);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_VIOLATIONS_H_
