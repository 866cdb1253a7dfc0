#include "core/data/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/digest/sha256.h"

namespace descent {
namespace {

absl::Status ErrnoStatus(const std::string& path, const char* what, int error) {
  std::string message = absl::StrCat(what, " ", path, ": ", strerror(error), ".");
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  if (error == EIO) return absl::DataLossError(message);
  if (error == EMFILE || error == ENFILE || error == ENOMEM) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::InvalidArgumentError(message);
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

struct Opened {
  Descriptor file;
  struct stat info;
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

// Asks the descriptor where its file is: /proc follows renames and has neither links nor `..`.
absl::Status CheckRoots(const std::string& path, int fd, const DataRoots& roots) {
  if (roots.unrestricted()) return absl::OkStatus();
  char real[PATH_MAX];
  const std::string link = absl::StrCat("/proc/self/fd/", fd);
  const ssize_t n = readlink(link.c_str(), real, sizeof(real));
  if (n < 0) return ErrnoStatus(path, "Cannot look at", errno);
  return roots.Check(path, std::string(real, static_cast<size_t>(n)));
}

// Finds a file without opening it for reading, which could block, or wake a device.
absl::StatusOr<Opened> Find(const std::string& path, const DataRoots& roots) {
  if (absl::Status status = CheckName(path); !status.ok()) return status;
  Opened found{Descriptor(open(path.c_str(), O_PATH | O_CLOEXEC)), {}};
  if (found.file.get() < 0) return ErrnoStatus(path, "Cannot open", errno);
  if (absl::Status s = CheckRoots(path, found.file.get(), roots); !s.ok()) return s;
  if (fstat(found.file.get(), &found.info) != 0) return ErrnoStatus(path, "Cannot look at", errno);
  return found;
}

absl::StatusOr<Opened> OpenRegular(const std::string& path, const DataRoots& roots) {
  absl::StatusOr<Opened> found = Find(path, roots);
  if (!found.ok()) return found.status();
  if (absl::Status status = CheckRegular(path, found->info); !status.ok()) return status;
  // It is opened by its descriptor, not by its name, which may be another file's by now.
  const std::string link = absl::StrCat("/proc/self/fd/", found->file.get());
  Descriptor file(open(link.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0) return ErrnoStatus(path, "Cannot open", errno);
  if (fstat(file.get(), &found->info) != 0) return ErrnoStatus(path, "Cannot look at", errno);
  if (found->info.st_size == 0) return absl::InvalidArgumentError(absl::StrCat(path, " is empty."));
  found->file = std::move(file);
  return found;
}

int64_t MemoryBytes() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

std::string Size(int64_t bytes) {
  if (bytes < 10'000'000) return absl::StrCat(bytes, " bytes");
  if (bytes < 10'000'000'000) return absl::StrCat(bytes / 1'000'000, " MB");
  return absl::StrCat(bytes / 1'000'000'000, " GB");
}

// Checks, before a file is read, that it fits into memory.
absl::Status CheckFits(const std::string& path, const struct stat& info) {
  const int64_t memory = MemoryBytes();
  if (info.st_size <= memory) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      path, " is too large for memory: it is ", Size(info.st_size), ", and this machine has ",
      Size(memory), ". Split it, or save it as .npy, which is not read into memory."));
}

// Checks that a file is not all holes: a mapped file may be larger than memory, but all of it is
// read for its digest, its holes too, which cost no disk to make.
absl::Status CheckNotHollow(const std::string& path, const struct stat& info) {
  constexpr int64_t kBlock = 512;  // of st_blocks, whatever the file system's are
  constexpr int64_t kAtLeast = 100;
  const int64_t on_disk = static_cast<int64_t>(info.st_blocks) * kBlock;
  if (info.st_size <= MemoryBytes() || on_disk >= info.st_size / kAtLeast) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is sparse: it claims ", Size(info.st_size),
                   ", more than this machine's memory, "
                   "but only ",
                   Size(on_disk),
                   " of it are on the disk; the rest are holes. Write the "
                   "array anew with the shape that it has."));
}

int64_t Nanos(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

FileStamp StampOf(const std::string& path, const struct stat& info) {
  return FileStamp{path, info.st_size, Nanos(info.st_mtim), Nanos(info.st_ctim),
                   static_cast<uint64_t>(info.st_ino)};
}

// Folds the stamps of what is in a folder into its own: sums, mixed so that they don't cancel.
absl::Status AddFolder(const std::string& path, const DataRoots& roots, int depth, FileStamp* sum) {
  absl::StatusOr<std::vector<std::string>> names = ListDataFolder(path, roots);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const std::string inner = absl::StrCat(path, "/", name);
    absl::StatusOr<Opened> found = Find(inner, roots);
    if (!found.ok()) return found.status();
    const FileStamp stamp = StampOf(inner, found->info);
    sum->bytes += stamp.bytes;
    for (int64_t FileStamp::* time : {&FileStamp::modified_nanos, &FileStamp::changed_nanos}) {
      sum->*time = static_cast<int64_t>(static_cast<uint64_t>(sum->*time) * 0x9e3779b97f4a7c15 +
                                        static_cast<uint64_t>(stamp.*time));
    }
    sum->inode = sum->inode * 0x9e3779b97f4a7c15 + stamp.inode;
    if (S_ISDIR(found->info.st_mode) && depth > 1) {
      if (absl::Status status = AddFolder(inner, roots, depth - 1, sum); !status.ok()) {
        return status;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FileContents> ReadDataFile(const std::string& path, const DataRoots& roots) {
  absl::StatusOr<Opened> opened = OpenRegular(path, roots);
  if (!opened.ok()) return opened.status();
  if (absl::Status status = CheckFits(path, opened->info); !status.ok()) return status;
  FileContents contents;
  contents.bytes.resize(static_cast<size_t>(opened->info.st_size));
  size_t done = 0;
  while (done < contents.bytes.size()) {
    const ssize_t n =
        read(opened->file.get(), contents.bytes.data() + done, contents.bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(path, "Cannot read", errno);
    if (n == 0) {
      return absl::DataLossError(absl::StrCat(path, " got shorter while it was being read."));
    }
    done += static_cast<size_t>(n);
  }
  contents.digest = {path, Sha256Hex(contents.bytes), static_cast<int64_t>(done), std::nullopt};
  return contents;
}

absl::StatusOr<MappedFile> MapDataFile(const std::string& path, const DataRoots& roots) {
  absl::StatusOr<Opened> opened = OpenRegular(path, roots);
  if (!opened.ok()) return opened.status();
  if (absl::Status status = CheckNotHollow(path, opened->info); !status.ok()) return status;
  const size_t size = static_cast<size_t>(opened->info.st_size);
  void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, opened->file.get(), 0);
  if (data == MAP_FAILED) return ErrnoStatus(path, "Cannot map", errno);
  MappedFile mapped;
  mapped.owner =
      std::shared_ptr<const void>(data, [size](void* address) { munmap(address, size); });
  mapped.bytes = {static_cast<const char*>(data), size};
  // The time is from before the reading: who writes meanwhile is noticed later.
  mapped.digest = {path, Sha256Hex(mapped.bytes), static_cast<int64_t>(size),
                   FileDigest::Mapping{StampOf(path, opened->info), mapped.bytes}};
  return mapped;
}

absl::Status CheckUnchanged(FileDigest* file, const DataRoots& roots) {
  if (!file->mapped.has_value()) return absl::OkStatus();
  const absl::StatusOr<FileStamp> stamp = StampDataFile(file->path, roots);
  if (!stamp.ok() && stamp.status().code() != absl::StatusCode::kInvalidArgument) {
    return absl::OkStatus();  // it was removed: its contents stay for whoever has mapped it
  }
  const FileStamp& was = file->mapped->stamp;
  if (stamp.ok() && (stamp->inode != was.inode || *stamp == was)) return absl::OkStatus();
  if (stamp.ok() && stamp->bytes == file->bytes) {
    const absl::StatusOr<MappedFile> now = MapDataFile(file->path, roots);
    if (now.ok() && now->digest.sha256 == file->sha256) {  // it was only touched
      file->mapped->stamp = now->digest.mapped->stamp;
      return absl::OkStatus();
    }
  }
  return absl::DataLossError(
      absl::StrCat(file->path,
                   " was overwritten while it was in use, so that nobody can say of which "
                   "contents the results are; put new data into a new file instead."));
}

absl::StatusOr<FileStamp> StampDataFile(const std::string& path, const DataRoots& roots) {
  absl::StatusOr<Opened> found = Find(path, roots);
  if (!found.ok()) return found.status();
  FileStamp stamp = StampOf(path, found->info);
  if (S_ISDIR(found->info.st_mode)) {
    if (absl::Status status = AddFolder(path, roots, 2, &stamp); !status.ok()) return status;
    return stamp;
  }
  if (absl::Status status = CheckRegular(path, found->info); !status.ok()) return status;
  if (found->info.st_size == 0) return absl::InvalidArgumentError(absl::StrCat(path, " is empty."));
  return stamp;
}

absl::StatusOr<std::vector<std::string>> ListDataFolder(const std::string& path,
                                                        const DataRoots& roots) {
  absl::StatusOr<Opened> found = Find(path, roots);
  if (!found.ok()) return found.status();
  if (!S_ISDIR(found->info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no folder."));
  }
  const std::string link = absl::StrCat("/proc/self/fd/", found->file.get());
  Descriptor folder(open(link.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  if (folder.get() < 0) return ErrnoStatus(path, "Cannot open", errno);
  DIR* entries = fdopendir(folder.get());
  if (entries == nullptr) return ErrnoStatus(path, "Cannot list", errno);
  folder.Release();  // closedir closes it
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(entries)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  const int error = errno;
  closedir(entries);
  if (error != 0) return ErrnoStatus(path, "Cannot list", error);
  std::sort(names.begin(), names.end());
  return names;
}

bool IsDataFolder(const std::string& path, const DataRoots& roots) {
  const absl::StatusOr<Opened> found = Find(path, roots);
  return found.ok() && S_ISDIR(found->info.st_mode);
}

}  // namespace descent
