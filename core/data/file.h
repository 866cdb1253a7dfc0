#ifndef DESCENT_CORE_DATA_FILE_H_
#define DESCENT_CORE_DATA_FILE_H_

// Reading whole data files. Anything that is not a regular file is refused: a FIFO would block for
// ever, a device need not end. Free functions; any thread may call them.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent {

// What a file held when it was read: the run's journal keeps it, and a later attempt refuses other
// contents.
struct FileDigest {
  std::string path;
  std::string sha256;  // hexadecimal
  int64_t bytes = 0;
};

struct FileContents {
  std::string bytes;
  FileDigest digest;
};

// Names a file's present contents without reading them: a changed file differs in one of these.
struct FileStamp {
  std::string path;
  int64_t bytes = 0;
  int64_t modified_nanos = 0;
  uint64_t inode = 0;
  bool operator==(const FileStamp&) const = default;
};

// NotFound: there is no such file; PermissionDenied; InvalidArgument: a folder, device or FIFO, an
// empty file, a NUL in the name; DataLoss: it could not be read to its end.
absl::StatusOr<FileContents> ReadDataFile(const std::string& path);

// The same errors, except that the file is not read.
absl::StatusOr<FileStamp> StampDataFile(const std::string& path);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_FILE_H_
