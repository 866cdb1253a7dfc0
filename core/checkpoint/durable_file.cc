#include "core/checkpoint/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace descent {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status ErrnoStatus(const char* what, const std::string& path, int error) {
  const std::string message = absl::StrCat("Cannot ", what, " ", path, ": ", strerror(error), ".");
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(message)
                                            : absl::DataLossError(message);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DurableFile>> DurableFile::Create(const std::string& path) {
  // Each process and file has a name of its own: an older attempt may still be writing.
  static std::atomic<int> counter = 0;
  const std::string temporary = absl::StrCat(path, ".", getpid(), "-", counter++, ".tmp");
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus("create", temporary, errno);
  return absl::WrapUnique(new DurableFile(path, temporary, fd));
}

DurableFile::DurableFile(std::string path, std::string temporary, int fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

DurableFile::~DurableFile() {
  if (fd_ >= 0) close(fd_);
  if (!renamed_) unlink(temporary_.c_str());
}

void DurableFile::Fail(const char* what) {
  if (status_.ok()) status_ = ErrnoStatus(what, path_, errno);
}

void DurableFile::Write(const void* data, size_t bytes) {
  sha_.Update(data, bytes);
  saved_.bytes += static_cast<int64_t>(bytes);
  const char* at = static_cast<const char*>(data);
  while (bytes > 0 && status_.ok()) {
    const ssize_t n = write(fd_, at, std::min<size_t>(bytes, 1 << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail("write");
    at += n;
    bytes -= static_cast<size_t>(n);
  }
}

absl::StatusOr<SavedFile> DurableFile::Finish() {
  if (status_.ok() && fsync(fd_) != 0) Fail("sync");
  if (status_.ok() && rename(temporary_.c_str(), path_.c_str()) != 0) Fail("rename");
  if (!status_.ok()) return status_;
  renamed_ = true;
  const int folder = open(FolderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || fsync(folder) != 0) Fail("sync the folder of");
  if (folder >= 0) close(folder);
  if (!status_.ok()) return status_;
  saved_.sha256 = sha_.FinishHex();
  return saved_;
}

}  // namespace descent
