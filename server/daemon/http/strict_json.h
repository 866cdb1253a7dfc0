// Checks JSON more strictly than protobuf does, whose own reader takes more, and reads it in ways
// of its own: "0x10" as 16, "+1", " 1", 'single quotes', a member given twice as its last one. A
// pure function; any thread.
#ifndef DESCENT_SERVER_DAEMON_HTTP_STRICT_JSON_H_
#define DESCENT_SERVER_DAEMON_HTTP_STRICT_JSON_H_

#include <google/protobuf/descriptor.h>

#include <string_view>

#include "absl/status/status.h"

namespace descent::daemon {

// Checks that `json` is JSON (RFC 8259) and writes numbers as protobuf's mapping of it allows, in
// quotes too: https://protobuf.dev/programming-guides/json. INVALID_ARGUMENT says the place (line
// and column, or the field's path) and what is wrong there. Fields that `message` does not have are
// not looked at.
absl::Status CheckJson(std::string_view json, const google::protobuf::Descriptor* message);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_STRICT_JSON_H_
