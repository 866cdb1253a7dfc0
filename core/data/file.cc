#include "core/data/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/data/sha256.h"

namespace descent {
namespace {

absl::Status ErrnoStatus(const std::string& path, const char* what, int error) {
  std::string message = absl::StrCat(what, " ", path, ": ", strerror(error), ".");
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  if (error == EIO) return absl::DataLossError(message);
  if (error == EMFILE || error == ENFILE) return absl::ResourceExhaustedError(message);
  return absl::InvalidArgumentError(message);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status CheckName(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("The path of a data file is empty.");
  if (path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("The path of a data file contains a NUL character.");
  }
  return absl::OkStatus();
}

absl::Status CheckRegular(const std::string& path, const struct stat& info) {
  if (S_ISREG(info.st_mode)) return absl::OkStatus();
  const char* kind = S_ISDIR(info.st_mode)    ? "a folder"
                     : S_ISFIFO(info.st_mode) ? "a FIFO"
                     : S_ISSOCK(info.st_mode) ? "a socket"
                                              : "a device";
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is ", kind, ": data must be in a regular file."));
}

}  // namespace

absl::StatusOr<FileContents> ReadDataFile(const std::string& path) {
  if (absl::Status status = CheckName(path); !status.ok()) return status;
  // O_NONBLOCK: opening a FIFO without a writer must not wait.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return ErrnoStatus(path, "Cannot open", errno);
  struct stat info;
  if (fstat(file.get(), &info) != 0) return ErrnoStatus(path, "Cannot look at", errno);
  if (absl::Status status = CheckRegular(path, info); !status.ok()) return status;
  if (info.st_size == 0) return absl::InvalidArgumentError(absl::StrCat(path, " is empty."));

  FileContents contents;
  contents.bytes.resize(static_cast<size_t>(info.st_size));
  size_t done = 0;
  while (done < contents.bytes.size()) {
    const ssize_t n = read(file.get(), contents.bytes.data() + done, contents.bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(path, "Cannot read", errno);
    if (n == 0) {
      return absl::DataLossError(absl::StrCat(path, " got shorter while it was being read."));
    }
    done += static_cast<size_t>(n);
  }
  contents.digest = {path, Sha256Hex(contents.bytes), static_cast<int64_t>(done)};
  return contents;
}

absl::StatusOr<FileStamp> StampDataFile(const std::string& path) {
  if (absl::Status status = CheckName(path); !status.ok()) return status;
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(path, "Cannot open", errno);
  if (absl::Status status = CheckRegular(path, info); !status.ok()) return status;
  if (info.st_size == 0) return absl::InvalidArgumentError(absl::StrCat(path, " is empty."));
  return FileStamp{path, info.st_size,
                   static_cast<int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec,
                   static_cast<uint64_t>(info.st_ino)};
}

}  // namespace descent
