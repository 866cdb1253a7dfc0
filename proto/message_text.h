// Messages between programs must survive any bytes. protobuf's C++ sends a string that is not UTF-8
// and refuses to parse it, and gRPC ends a stream whose message it can't parse, without a word
// about which one it was. So what goes out is made valid, and what comes in is taken as bytes and
// parsed here, where a fault can be said. Free functions; any thread.
#ifndef DESCENT_PROTO_MESSAGE_TEXT_H_
#define DESCENT_PROTO_MESSAGE_TEXT_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "absl/status/status.h"

namespace descent {

// Replaces what is not UTF-8 in every string of the message, at any depth, by U+FFFD. Gives the
// first such field's path (`valid.summary.layers[2].name`), or nothing if there was none.
std::string MakeTextValid(google::protobuf::Message* message);

// Gives the message as gRPC sends it. Its text should be valid.
grpc::ByteBuffer ToBytes(const google::protobuf::Message& message);

// Parses what came. INVALID_ARGUMENT names the message and, if its text is the fault, the field:
// `a WorkerMessage can't be read: validated.id is not UTF-8`. The message then holds what could be
// read: all of it with its text made valid, if only that was wrong, else the part before the fault.
absl::Status FromBytes(const grpc::ByteBuffer& bytes, google::protobuf::Message* message);

}  // namespace descent

#endif  // DESCENT_PROTO_MESSAGE_TEXT_H_
