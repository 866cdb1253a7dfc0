#include "server/daemon/api/wire_request.h"

#include <string>

#include "proto/message_text.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {

absl::Status ReadRequest(const grpc::ByteBuffer& buffer, google::protobuf::Message* request) {
  const absl::Status status = FromBytes(buffer, request);
  if (status.ok()) return status;
  return MakeError(status.code(), std::string(status.message()), reason::kInvalidRequest);
}

}  // namespace descent::daemon
