// A `LayerFault` says what is wrong with a layer in a form that a program can act on: it rides on a
// status. Free functions; any thread.
#ifndef DESCENT_CORE_MODEL_LAYER_FAULT_H_
#define DESCENT_CORE_MODEL_LAYER_FAULT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace descent {

// What kind of thing is wrong; a program goes by it, the message is for people.
enum class FaultKind {
  kOutOfRange,
  kShapeMismatch,
  kTooLarge,
  kInvalidInitializer,
  kInvalidGraph,
};

struct LayerFault {
  std::string path;   // the layer's path: `body.0`; empty: the root
  std::string field;  // the option: `in_features`; empty: the layer as a whole
  FaultKind kind;
};

// Gives INVALID_ARGUMENT with that message, from which FaultOf gives the fault back.
absl::Status FaultStatus(const LayerFault& fault, const std::string& message);

// Gives nothing if the status has no fault.
std::optional<LayerFault> FaultOf(const absl::Status& status);

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LAYER_FAULT_H_
