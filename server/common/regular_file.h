// Files that may turn out to be something else: whoever opens a FIFO waits until somebody is at its
// other end, and who reads a device may read for ever. Free functions; any thread.
#ifndef DESCENT_SERVER_COMMON_REGULAR_FILE_H_
#define DESCENT_SERVER_COMMON_REGULAR_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::server {

// Gives FAILED_PRECONDITION, with a sentence that says what it is and what to do, if something has
// this name that is neither a regular file nor a link to one. For files that others open.
absl::Status CheckRegularFile(const std::string& path);

// Opens a file as open(2) with O_CLOEXEC does, but never waits, and refuses what is no regular
// file, as CheckRegularFile. NOT_FOUND if there is none, RESOURCE_EXHAUSTED if there is no room, or
// no descriptor, for it, else UNAVAILABLE; these messages have errno's text alone.
absl::StatusOr<int> OpenRegularFile(const std::string& path, int flags, mode_t mode = 0);

// Gives all of a file of at most so many bytes. OUT_OF_RANGE if it has more, of which no more are
// read than these; other errors as OpenRegularFile, with the path.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, size_t most_bytes);

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_REGULAR_FILE_H_
