// A `DurableFile` exists under its name only when it is complete and on disk: temporary file,
// fsync, rename, fsync of the folder (as LevelDB's SetCurrentFile).
//
// The legal order of calls is Create, Write any number of times, Finish once; destroyed without
// Finish, it leaves nothing behind. One thread at a time.
#ifndef DESCENT_CORE_CHECKPOINT_DURABLE_FILE_H_
#define DESCENT_CORE_CHECKPOINT_DURABLE_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/safetensors.h"
#include "core/digest/sha256.h"

namespace descent {

class DurableFile {
 public:
  // The folder must exist. The error names the file.
  static absl::StatusOr<std::unique_ptr<DurableFile>> Create(const std::string& path);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  // Writes on. The first error is kept and returned by Finish.
  void Write(const void* data, size_t bytes);
  absl::StatusOr<SavedFile> Finish();

 private:
  DurableFile(std::string path, std::string temporary, int fd);
  void Fail(const char* what);

  const std::string path_;
  const std::string temporary_;
  int fd_;
  bool renamed_ = false;
  absl::Status status_;
  SavedFile saved_;
  Sha256 sha_;
};

}  // namespace descent

#endif  // DESCENT_CORE_CHECKPOINT_DURABLE_FILE_H_
