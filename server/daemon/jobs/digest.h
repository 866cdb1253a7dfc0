// The digest of a file. A free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOBS_DIGEST_H_
#define DESCENT_SERVER_DAEMON_JOBS_DIGEST_H_

#include <string>

namespace descent::daemon {

// Gives the SHA-256 of a file's bytes, hexadecimal; empty if it can't be read. It takes about a
// second a GB.
std::string FileSha256(const std::string& path);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_DIGEST_H_
