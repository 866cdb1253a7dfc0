// How much memory a worker may have, as it is typed. A free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_LAUNCH_MEMORY_LIMIT_H_
#define DESCENT_SERVER_DAEMON_LAUNCH_MEMORY_LIMIT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace descent::daemon {

// Reads `6G`, `6.5GiB`, `800M`, a plain number of bytes (K, M, G and T are powers of 1024), `90%`
// of `memory`, or `none`. Gives bytes; 0: no limit. INVALID_ARGUMENT for anything else, and for
// less than a worker needs to start (256 MiB).
absl::StatusOr<int64_t> ParseMemoryLimit(const std::string& text, int64_t memory);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_LAUNCH_MEMORY_LIMIT_H_
