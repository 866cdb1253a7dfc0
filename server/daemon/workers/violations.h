// What a worker refused, field by field, as it goes into an error. A free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_WORKERS_VIOLATIONS_H_
#define DESCENT_SERVER_DAEMON_WORKERS_VIOLATIONS_H_

#include <google/protobuf/repeated_field.h>

#include <string>
#include <string_view>

#include "descent/worker/v1/worker.pb.h"
#include "proto/rpc_status.h"

namespace descent::daemon {

// Adds the violations to `detail`, and the first reason among them if it has none yet. Gives the
// sentences of all, `{field}: {description}`, parted by "; ". Of one without a field `no_field`
// stands before the description.
std::string AddViolations(
    const google::protobuf::RepeatedPtrField<worker::v1::FieldViolation>& violations,
    std::string_view no_field, ErrorDetail* detail);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_VIOLATIONS_H_
