#include "server/daemon/backup/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"

namespace descent::daemon {
namespace {

// Makes the bytes of a file, or the names in a folder, durable.
absl::Status Sync(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  absl::Status status;
  if (fd < 0 || fsync(fd) != 0) {
    status = FileError(errno, absl::StrCat("Can't make ", path, " durable"));
  }
  if (fd >= 0) close(fd);
  return status;
}

}  // namespace

absl::Status FileError(int error, const std::string& doing) {
  const absl::StatusCode code = error == ENOENT ? absl::StatusCode::kNotFound
                                : error == ENOSPC || error == EDQUOT
                                    ? absl::StatusCode::kResourceExhausted
                                    : absl::StatusCode::kUnavailable;
  return absl::Status(code, absl::StrCat(doing, ": ", server::ErrnoText(error)));
}

absl::Status LinkOrCopy(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  // Another file system, one without second names, too many of them, or somebody else's file.
  if (errno == EXDEV || errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK) {
    return Copy(from, to);
  }
  return FileError(errno, absl::StrCat("Can't make ", to, " another name of ", from));
}

absl::Status Copy(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::copy_file(from, to, error);
  if (error) return FileError(error.value(), absl::StrCat("Can't copy ", from, " to ", to));
  return Sync(to, O_RDONLY);
}

absl::Status CopySecrets(const std::string& from, const std::string& to) {
  std::error_code error;
  for (const char* name : kSecretFiles) {
    const std::filesystem::path file = std::filesystem::path(from) / name;
    if (!std::filesystem::exists(file, error)) continue;
    std::filesystem::copy(file, std::filesystem::path(to) / name,
                          std::filesystem::copy_options::recursive, error);
    if (error) return FileError(error.value(), absl::StrCat("Can't copy ", file.string()));
  }
  return absl::OkStatus();
}

absl::Status MakeFolder(const std::string& path) {
  const std::filesystem::path folder(path);
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return absl::OkStatus();
  if (const std::string parent = folder.parent_path().string(); !parent.empty() && parent != path) {
    if (absl::Status status = MakeFolder(parent); !status.ok()) return status;
  }
  if (mkdir(path.c_str(), S_IRWXU) == 0 || errno == EEXIST) return absl::OkStatus();
  return FileError(errno, absl::StrCat("Can't make the folder ", path));
}

absl::Status SyncFolder(const std::string& path) { return Sync(path, O_RDONLY | O_DIRECTORY); }

absl::Status SyncTree(const std::string& path) {
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(path, error), end;
       !error && entry != end; entry.increment(error)) {
    if (!entry->is_directory(error) || entry->is_symlink(error)) continue;
    if (absl::Status status = SyncFolder(entry->path().string()); !status.ok()) return status;
  }
  if (error) return FileError(error.value(), absl::StrCat("Can't look through ", path));
  return SyncFolder(path);
}

FolderInTheMaking::~FolderInTheMaking() {
  if (kept_) return;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path_, ignored)) {
    std::filesystem::remove_all(entry.path(), ignored);
  }
}

}  // namespace descent::daemon
