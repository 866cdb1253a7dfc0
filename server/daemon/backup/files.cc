#include "server/daemon/backup/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"
#include "server/common/regular_file.h"

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

// Gives 0, or errno. What std::filesystem::copy_file does says EIO of a full disk.
int CopyBytes(int from, int to) {
  std::vector<char> buffer(1 << 20);
  while (true) {
    const ssize_t count = read(from, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : 0;
    for (ssize_t done = 0; done < count;) {
      const ssize_t written = write(to, buffer.data() + done, static_cast<size_t>(count - done));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      done += written;
    }
  }
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
  const std::string doing = absl::StrCat("Can't copy ", from, " to ", to);
  const absl::StatusOr<int> source = server::OpenRegularFile(from, O_RDONLY);
  if (!source.ok()) {
    return absl::Status(source.status().code(),
                        absl::StrCat(doing, ": ", std::string(source.status().message())));
  }
  struct stat info{};
  fstat(*source, &info);
  const int target = open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                          info.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO));
  int error = target < 0 ? errno : CopyBytes(*source, target);
  if (error == 0 && fsync(target) != 0) error = errno;
  close(*source);
  // Some file systems tell of a full disk here alone.
  if (target >= 0 && close(target) != 0 && error == 0) error = errno;
  if (error == 0) return absl::OkStatus();
  if (target >= 0) unlink(to.c_str());
  return FileError(error, doing);
}

absl::Status CopyTree(const std::string& from, const std::string& to, bool link, int64_t* bytes) {
  std::error_code error;
  if (!std::filesystem::exists(from, error)) return absl::OkStatus();
  if (absl::Status status = MakeFolder(to); !status.ok()) return status;
  for (const auto& entry : std::filesystem::directory_iterator(from, error)) {
    std::error_code none;
    const std::string target = absl::StrCat(to, "/", entry.path().filename().string());
    absl::Status status;
    if (entry.is_symlink(none)) continue;
    if (entry.is_directory(none)) {
      status = CopyTree(entry.path().string(), target, link, bytes);
    } else if (entry.is_regular_file(none)) {
      *bytes += static_cast<int64_t>(entry.file_size(none));
      status =
          link ? LinkOrCopy(entry.path().string(), target) : Copy(entry.path().string(), target);
    }
    if (!status.ok()) return status;
  }
  if (!error) return absl::OkStatus();
  return FileError(error.value(), absl::StrCat("Can't look through ", from));
}

absl::Status CopySecrets(const std::string& from, const std::string& to) {
  std::error_code error;
  for (const char* name : kSecretFiles) {
    const std::filesystem::path file = std::filesystem::path(from) / name;
    const std::filesystem::path target = std::filesystem::path(to) / name;
    if (!std::filesystem::exists(file, error)) continue;
    if (!std::filesystem::is_directory(file, error)) {
      if (absl::Status status = Copy(file.string(), target.string()); !status.ok()) return status;
      continue;
    }
    if (absl::Status status = MakeFolder(target.string()); !status.ok()) return status;
    for (const auto& entry : std::filesystem::directory_iterator(file, error)) {
      absl::Status status =
          Copy(entry.path().string(), (target / entry.path().filename()).string());
      if (!status.ok()) return status;
    }
    if (error) return FileError(error.value(), absl::StrCat("Can't look through ", file.string()));
  }
  return absl::OkStatus();
}

absl::Status CopyAudit(const std::string& from, const std::string& to) {
  constexpr const char* kName = "/audit.jsonl";
  std::error_code error;
  if (!std::filesystem::exists(from + kName, error)) return absl::OkStatus();
  return Copy(from + kName, to + kName);
}

absl::Status MakeFolder(const std::string& path) {
  const std::filesystem::path folder(path);
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return absl::OkStatus();
  if (const std::string parent = folder.parent_path().string(); !parent.empty() && parent != path) {
    if (absl::Status status = MakeFolder(parent); !status.ok()) return status;
  }
  if (mkdir(path.c_str(), S_IRWXU) == 0) return absl::OkStatus();
  const int failed = errno;
  // Somebody may have made it just now; a link that leads nowhere has the name too.
  if (failed == EEXIST && std::filesystem::is_directory(folder, error)) return absl::OkStatus();
  return FileError(failed, absl::StrCat("Can't make the folder ", path));
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
