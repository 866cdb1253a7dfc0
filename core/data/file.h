// Data files are opened with suspicion. Anything that is not a regular file is refused before it is
// opened for reading: a FIFO would block for ever, a device need not end. Whether a file is in the
// folders that data may come from is asked of the opened file itself, so nobody can put another one
// in its place between question and use. Free functions; any thread may call them.
#ifndef DESCENT_CORE_DATA_FILE_H_
#define DESCENT_CORE_DATA_FILE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/data_roots.h"

namespace descent {

// Names a file's present contents without reading them: a changed file differs in one of these.
struct FileStamp {
  std::string path;
  int64_t bytes = 0;
  int64_t modified_nanos = 0;
  // This is st_ctime, which nobody can set: rsync --times and cp -p put the other time back.
  int64_t changed_nanos = 0;
  uint64_t inode = 0;
  bool operator==(const FileStamp&) const = default;
};

// What a file held when it was read: the run's journal keeps it, and a later attempt refuses other
// contents.
struct FileDigest {
  std::string path;
  std::string sha256;  // hexadecimal
  int64_t bytes = 0;
  // For a file that is mapped: where it is, and what it was then. Whoever uses these bytes, and no
  // copy of them, sees what is written into the file.
  struct Mapping {
    FileStamp stamp;
    std::string_view bytes;  // valid as long as MappedFile.owner
  };
  std::optional<Mapping> mapped = std::nullopt;
};

struct FileContents {
  std::string bytes;
  FileDigest digest;
};

// A file's bytes as the kernel caches them. Tensors may share them: each keeps the owner. Whoever
// shortens the file meanwhile ends the process (SIGBUS); whoever writes into it changes the data.
struct MappedFile {
  std::shared_ptr<const void> owner;
  std::string_view bytes;
  FileDigest digest;
};

// Reads a file. NOT_FOUND if there is no such file; PERMISSION_DENIED, also if it is outside the
// roots; INVALID_ARGUMENT for a folder, device or FIFO, an empty file, a NUL in the name;
// RESOURCE_EXHAUSTED if it is larger than the machine's memory; DATA_LOSS if it could not be read
// to its end.
absl::StatusOr<FileContents> ReadDataFile(const std::string& path, const DataRoots& roots = {});

// Maps a file, and reads it once, for its digest. The errors are the same, but it may be larger
// than memory, unless (INVALID_ARGUMENT) hardly any of it is on the disk.
absl::StatusOr<MappedFile> MapDataFile(const std::string& path, const DataRoots& roots = {});

// Gives DATA_LOSS, naming the file, if it is mapped and was written into since. It looks at the
// file's times, and reads it only if one has changed: then `file` notes the new one. What was put
// in its place meanwhile is another file, which nobody has mapped.
absl::Status CheckUnchanged(FileDigest* file, const DataRoots& roots = {});

// Gives the same errors, except that the file is not read. The stamp of a folder is of what is in
// it, two levels deep.
absl::StatusOr<FileStamp> StampDataFile(const std::string& path, const DataRoots& roots = {});

// Gives the names in a folder, those that begin with a dot left out, in the order of their bytes.
// INVALID_ARGUMENT if it is no folder.
absl::StatusOr<std::vector<std::string>> ListDataFolder(const std::string& path,
                                                        const DataRoots& roots = {});

// True if it is a folder within the roots.
bool IsDataFolder(const std::string& path, const DataRoots& roots = {});

}  // namespace descent

#endif  // DESCENT_CORE_DATA_FILE_H_
