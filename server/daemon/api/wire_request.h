#ifndef DESCENT_SERVER_DAEMON_API_WIRE_REQUEST_H_
#define DESCENT_SERVER_DAEMON_API_WIRE_REQUEST_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"

namespace descent::daemon {

// Reads a request from its bytes. gRPC's own way answers what it can't read with UNIMPLEMENTED and
// without a word, as if the method did not exist.
//
// INVALID_ARGUMENT (`INVALID_REQUEST`): the bytes are no protobuf message of this kind, or a text,
// whose field is named, is not UTF-8. Pure.
absl::Status ReadRequest(const grpc::ByteBuffer& buffer, google::protobuf::Message* request);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_WIRE_REQUEST_H_
