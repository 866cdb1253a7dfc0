#include "core/files/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace descent {
namespace {

constexpr int kMakeNew = O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC;

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0) return false;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

// Has a folder keep which file a name stands for.
bool SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = fsync(fd) == 0;
  const int error = errno;
  close(fd);
  errno = error;
  return synced;
}

absl::Status ErrnoStatus(int error, std::string_view doing) {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  return absl::Status(
      is_full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable,
      absl::StrCat(std::string(doing), std::generic_category().message(error)));
}

}  // namespace

absl::Status WritePrivateFile(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  unlink(temporary.c_str());  // it may be another's to read
  const int fd = open(temporary.c_str(), kMakeNew, S_IRUSR | S_IWUSR);
  bool written = fd >= 0 && WriteAll(fd, text) && fsync(fd) == 0;
  if (written) written = rename(temporary.c_str(), path.c_str()) == 0;
  if (written) written = SyncFolderOf(path);
  const int error = errno;
  if (fd >= 0) close(fd);
  if (written) return absl::OkStatus();
  unlink(temporary.c_str());
  return ErrnoStatus(error, absl::StrCat("Can't write ", path, ": "));
}

NewPrivateFile::NewPrivateFile(std::string path)
    : path_(std::move(path)),
      file_(open(path_.c_str(), kMakeNew, S_IRUSR | S_IWUSR)),
      made_(file_ < 0 ? ErrnoStatus(errno, "") : absl::OkStatus()) {}

NewPrivateFile::~NewPrivateFile() {
  if (file_ < 0) return;
  close(file_);
  if (!written_) unlink(path_.c_str());
}

absl::Status NewPrivateFile::Write(std::string_view text) {
  written_ = WriteAll(file_, text) && fsync(file_) == 0;
  return written_ ? absl::OkStatus() : ErrnoStatus(errno, "");
}

}  // namespace descent
