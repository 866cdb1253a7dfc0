// Reads a request from its bytes, because gRPC's own way answers what it can't read with
// UNIMPLEMENTED and without a word, as if the method did not exist. A pure function; any thread.
#ifndef DESCENT_SERVER_DAEMON_API_WIRE_REQUEST_H_
#define DESCENT_SERVER_DAEMON_API_WIRE_REQUEST_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"

namespace descent::daemon {

// Gives INVALID_ARGUMENT (`INVALID_REQUEST`) if the bytes are no protobuf message of this kind, or
// if a text, whose field is named, is not UTF-8.
absl::Status ReadRequest(const grpc::ByteBuffer& buffer, google::protobuf::Message* request);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_WIRE_REQUEST_H_
