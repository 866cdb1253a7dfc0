// A walk over a message and all messages in it, by reflection. A pure function; any thread.
#ifndef DESCENT_PROTO_FOR_EACH_MESSAGE_H_
#define DESCENT_PROTO_FOR_EACH_MESSAGE_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/functional/function_ref.h"

namespace descent {

using VisitMessage =
    absl::FunctionRef<void(const std::string& path, const google::protobuf::Message& message)>;

// Shows `visit` the message, which is at `path` (empty if it is the root), then what is in it at
// any depth and is set, in the order of the fields, each with its own path:
// `model.sequential.layers[2].linear`.
void ForEachMessage(const std::string& path, const google::protobuf::Message& message,
                    VisitMessage visit);

}  // namespace descent

#endif  // DESCENT_PROTO_FOR_EACH_MESSAGE_H_
