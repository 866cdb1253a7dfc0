#include "server/common/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"

namespace descent::server {
namespace {

absl::Status CheckMode(const std::string& path, mode_t mode) {
  if (S_ISREG(mode)) return absl::OkStatus();
  const char* what = S_ISDIR(mode)    ? "a folder"
                     : S_ISFIFO(mode) ? "a FIFO"
                     : S_ISSOCK(mode) ? "a socket"
                                      : "a device";
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is ", what,
                   ", not a file: move it away; if there was a file of this name, put it back"));
}

absl::Status ErrnoStatus(int error) {
  const absl::StatusCode code =
      error == ENOENT ? absl::StatusCode::kNotFound
      : error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE
          ? absl::StatusCode::kResourceExhausted
          : absl::StatusCode::kUnavailable;
  return absl::Status(code, ErrnoText(error));
}

}  // namespace

absl::Status CheckRegularFile(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return absl::OkStatus();
  return CheckMode(path, info.st_mode);
}

absl::StatusOr<int> OpenRegularFile(const std::string& path, int flags, mode_t mode) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
  if (fd < 0) {
    const int error = errno;  // of a FIFO or a socket it says little
    const absl::Status status = CheckRegularFile(path);
    return status.ok() ? ErrnoStatus(error) : status;
  }
  struct stat info{};
  const absl::Status status =
      fstat(fd, &info) != 0 ? ErrnoStatus(errno) : CheckMode(path, info.st_mode);
  if (status.ok()) return fd;
  close(fd);
  return status;
}

absl::StatusOr<std::string> ReadRegularFile(const std::string& path, size_t most_bytes) {
  const auto named = [&path](const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat("Can't read ", path, ": ", std::string(status.message())));
  };
  const absl::StatusOr<int> fd = OpenRegularFile(path, O_RDONLY);
  if (absl::IsFailedPrecondition(fd.status())) return fd.status();
  if (!fd.ok()) return named(fd.status());
  std::string text;
  char buffer[4096];
  ssize_t count = 0;
  while (text.size() <= most_bytes && (count = read(*fd, buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<size_t>(count));
  }
  const int error = errno;
  close(*fd);
  if (count < 0) return named(ErrnoStatus(error));
  if (text.size() > most_bytes) {
    return absl::OutOfRangeError(
        absl::StrCat(path, " is longer than it can be, ", most_bytes, " bytes"));
  }
  return text;
}

}  // namespace descent::server
