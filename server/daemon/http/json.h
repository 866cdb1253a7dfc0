// Protobuf's JSON, and errors in it. Pure functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_HTTP_JSON_H_
#define DESCENT_SERVER_DAEMON_HTTP_JSON_H_

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "descent/v1/event.pb.h"
#include "server/daemon/http/message.h"

namespace descent::daemon {

// Gives the message with the field names of the .proto files (`step_size`), 64-bit integers as
// strings, NaN and infinities as the strings "NaN", "Infinity", "-Infinity". Zeros, empty texts and
// empty lists are written out, so that iteration 0 has an index; fields that know whether they are
// set, and are not, are left out.
std::string ToJson(const google::protobuf::Message& message);

// Gives an event in the same form on one line; an iteration's is written by hand, some ten times as
// fast.
std::string EventToJson(const v1::Event& event);

// Reads a message in either spelling of field names. Unknown fields are refused, as is what JSON
// does not allow; INVALID_ARGUMENT says where.
absl::Status FromJson(std::string_view json, google::protobuf::Message* message);

// Gives HTTP's status for google.rpc.Code, as google.rpc documents it.
int HttpStatusOf(absl::StatusCode code);

// Gives {"error": {"code", "status", "message", "details"}} with the fitting HTTP status.
HttpResponse ErrorResponse(const absl::Status& status);
HttpResponse ErrorResponse(int http_status, const absl::Status& status);

inline constexpr std::string_view kJsonType = "application/json; charset=utf-8";

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_JSON_H_
