// A file for its owner alone, replaced in one piece. A free function; any thread.
#ifndef DESCENT_SERVER_COMMON_PRIVATE_FILE_H_
#define DESCENT_SERVER_COMMON_PRIVATE_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace descent::server {

// Writes a text as the file at `path`, whole or not at all, for its owner alone; once it returns,
// the file outlives a loss of power. One thread at a time may write one path. RESOURCE_EXHAUSTED if
// there is no room, UNAVAILABLE if it can't for another reason.
absl::Status WritePrivateFile(const std::string& path, std::string_view text);

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_PRIVATE_FILE_H_
