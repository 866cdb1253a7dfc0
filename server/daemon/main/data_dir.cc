#include "server/daemon/main/data_dir.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/files/private_file.h"
#include "core/text/utf8.h"
#include "server/common/errno_text.h"
#include "server/common/regular_file.h"

namespace descent::daemon {
namespace {

// sockaddr_un has room for 107; gRPC puts nothing before it.
constexpr size_t kMaxSocketPath = 99;

constexpr int kLockTries = 200;
constexpr absl::Duration kLockPause = absl::Milliseconds(10);

std::string Env(const char* name) {
  const char* value = getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? "" : value;
}

// Hashes by FNV-1a, which is stable over builds, unlike std::hash.
uint64_t Hash(const std::string& text) {
  uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

// Gives a failed call's errno as a status: RESOURCE_EXHAUSTED if there is no room.
absl::Status CallError(int error) {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  return absl::Status(
      is_full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable,
      server::ErrnoText(error));
}

absl::Status WriteAll(int fd, const std::string& text) {
  for (size_t written = 0; written < text.size();) {
    const ssize_t count = write(fd, text.data() + written, text.size() - written);
    if (count < 0) return CallError(errno);
    written += static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

// Takes from others what they may do with a file, or a folder and all below it. Does nothing if it
// isn't there.
void Restrict(const std::filesystem::path& path) {
  using std::filesystem::perms;
  const auto restrict_one = [](const std::filesystem::path& one) {
    std::error_code ignored;
    std::filesystem::permissions(one, perms::group_all | perms::others_all,
                                 std::filesystem::perm_options::remove, ignored);
  };
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return;
  restrict_one(path);
  if (!std::filesystem::is_directory(path, error)) return;
  for (std::filesystem::recursive_directory_iterator entry(path, error), end;
       !error && entry != end; entry.increment(error)) {
    if (!entry->is_symlink(error)) restrict_one(entry->path());
  }
}

// A folder that was there before may be open to others, and so may a store of an earlier daemon in
// it. The folder itself is left alone: it is somebody's own.
void RestrictStore(const std::string& folder) {
  for (const char* part : {"descent.db", "descent.db-wal", "descent.db-shm", "descentd.json",
                           "lock", "jobs", "worker.key", "workers", "tokens.json", "admin.token",
                           "tls", "datasets", "uploads", "audit.jsonl"}) {
    Restrict(std::filesystem::path(folder) / part);
  }
}

// Gives the process that wrote the lock file, or 0 if it is not there yet.
int64_t ReadPid(int lock) {
  char text[32] = {};
  const ssize_t size = pread(lock, text, sizeof text - 1, 0);
  int64_t pid = 0;
  return size > 0 && absl::SimpleAtoi(text, &pid) ? pid : 0;
}

}  // namespace

std::string DefaultDataDir() {
  if (const std::string data = Env("XDG_DATA_HOME"); !data.empty()) return data + "/descent";
  std::string home = Env("HOME");
  if (home.empty()) {
    const passwd* user = getpwuid(getuid());  // NOLINT(concurrency-mt-unsafe): before any thread
    home = user == nullptr ? "/var/lib" : user->pw_dir;
  }
  return home + "/.local/share/descent";
}

absl::StatusOr<std::unique_ptr<DataDir>> DataDir::Lock(const std::string& path) {
  std::error_code error;
  std::string folder = std::filesystem::absolute(path, error).lexically_normal().string();
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  // The folder's name is in what the workers and the clients are told, in protobuf's strings.
  if (!IsUtf8(folder)) {
    return absl::InvalidArgumentError(
        absl::StrCat("The folder's name ", ValidUtf8(folder),
                     " is not UTF-8; name another one with --data_dir"));
  }
  if (!error && !std::filesystem::exists(folder)) {
    std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
    // Specs and checkpoints are their owner's; so is the workers' socket.
    if (!error && mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
      error = std::error_code(errno, std::generic_category());
    }
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat("Can't make the folder ", folder, ": ",
                                               error.message(),
                                               "; name another one with --data_dir"));
  }
  const std::string lock_path = folder + "/lock";
  const absl::StatusOr<int> opened =
      server::OpenRegularFile(lock_path, O_CREAT | O_RDWR, S_IRUSR | S_IWUSR);
  if (absl::IsFailedPrecondition(opened.status())) return opened.status();
  if (!opened.ok()) {
    return absl::UnavailableError(absl::StrCat("Can't write in the folder ", folder, ": ",
                                               std::string(opened.status().message()),
                                               "; name another one with --data_dir"));
  }
  const int lock = *opened;
  for (int tries = 0; flock(lock, LOCK_EX | LOCK_NB) != 0; ++tries) {
    const int64_t holder = ReadPid(lock);
    // The daemon was killed while it launched a worker: the child has its descriptors until it
    // becomes the worker's program, a moment later.
    const bool is_dead = holder > 0 && kill(static_cast<pid_t>(holder), 0) != 0 && errno == ESRCH;
    if (is_dead && tries < kLockTries) {
      absl::SleepFor(kLockPause);
      continue;
    }
    close(lock);
    return absl::FailedPreconditionError(absl::StrCat(
        "Another descentd", holder > 0 ? absl::StrCat(" (process ", holder, ")") : "",
        " serves the folder ", folder, "; stop it first, or name another folder with --data_dir"));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  absl::Status written = ftruncate(lock, 0) != 0 ? CallError(errno) : WriteAll(lock, pid);
  if (!written.ok()) {
    close(lock);
    return absl::Status(written.code(), absl::StrCat("Can't write ", lock_path, ": ",
                                                     std::string(written.message())));
  }
  RestrictStore(folder);
  return std::unique_ptr<DataDir>(new DataDir(folder, lock));
}

DataDir::~DataDir() {
  if (announced_) unlink((path_ + "/descentd.json").c_str());
  close(lock_);
}

std::vector<std::string> DataDir::Secrets() const {
  std::vector<std::string> paths;
  for (const char* name :
       {"worker.key", "tokens.json", "admin.token", "tls/ca.key", "tls/server.key"}) {
    paths.push_back(absl::StrCat(path_, "/", name));
  }
  return paths;
}

absl::StatusOr<std::string> DataDir::WorkerSocket() const { return Socket("worker", false); }

absl::StatusOr<std::string> DataDir::ClientSocket() const { return Socket("client", true); }

absl::StatusOr<std::string> DataDir::Socket(const std::string& name, bool must_be_ours) const {
  std::string socket = absl::StrCat(path_, "/", name, ".sock");
  struct stat status{};
  const bool is_ours = stat(path_.c_str(), &status) == 0 && status.st_uid == getuid() &&
                       (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (socket.size() <= kMaxSocketPath && (is_ours || !must_be_ours)) return socket;
  std::string folder = Env("XDG_RUNTIME_DIR");
  folder = folder.empty() || folder.size() > 60 ? absl::StrCat("/tmp/descent-", getuid())
                                                : folder + "/descent";
  if ((mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) ||
      lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
      status.st_uid != getuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::UnavailableError(absl::StrCat(
        "The folder ", folder, " for the ", name,
        "s' socket must be ours alone; remove it, or choose another --data_dir (a shorter one, "
        "in which nobody else may write)"));
  }
  return absl::StrCat(folder, "/", absl::Hex(Hash(path_), absl::kZeroPad16),
                      name == "worker" ? "" : absl::StrCat("-", name), ".sock");
}

absl::Status DataDir::Announce(const Announcement& announcement) {
  const nlohmann::json json = {
      {"pid", getpid()},
      {"grpc", announcement.grpc},
      {"http", announcement.http},
      {"socket", announcement.worker_socket},
      {"client_socket", announcement.client_socket},
      {"tls", announcement.tls},
      {"auth", announcement.auth},
      {"started", absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone())}};
  const std::string path = path_ + "/descentd.json";
  absl::Status status = WritePrivateFile(path, json.dump(2) + "\n");
  if (!status.ok()) return status;
  announced_ = true;
  return absl::OkStatus();
}

}  // namespace descent::daemon
