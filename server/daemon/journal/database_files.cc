#include "server/daemon/journal/database_files.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"

namespace descent::daemon {

using server::MutexLock;

DatabaseFiles::DatabaseFiles(const std::string& path) {
  MutexLock lock(mutex_);
  files_[0].path = path;
  files_[1].path = path + "-wal";
  files_[2].path = path + "-shm";
}

absl::Status DatabaseFiles::Check() {
  MutexLock lock(mutex_);
  for (File& file : files_) {
    struct stat info{};
    const bool there = ::stat(file.path.c_str(), &info) == 0;
    if (!file.seen && there) {
      file.seen = true;
      file.device = info.st_dev;
      file.inode = info.st_ino;
    }
    if (!file.seen || (there && info.st_dev == file.device && info.st_ino == file.inode)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        file.path, there ? " was replaced by another file" : " was deleted", " while it was used"));
  }
  return absl::OkStatus();
}

}  // namespace descent::daemon
