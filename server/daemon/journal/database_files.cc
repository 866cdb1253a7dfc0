#include "server/daemon/journal/database_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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
    // Whoever asks for times, as `stat` does, makes the next write to the file store a new one
    // since Linux 6.13 (multigrain timestamps).
    struct statx info{};
    const bool there =
        ::statx(AT_FDCWD, file.path.c_str(), AT_STATX_DONT_SYNC, STATX_INO, &info) == 0;
    const dev_t device = makedev(info.stx_dev_major, info.stx_dev_minor);
    if (!file.seen && there) {
      file.seen = true;
      file.device = device;
      file.inode = info.stx_ino;
    }
    if (!file.seen || (there && device == file.device && info.stx_ino == file.inode)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        file.path, there ? " was replaced by another file" : " was deleted", " while it was used"));
  }
  return absl::OkStatus();
}

}  // namespace descent::daemon
