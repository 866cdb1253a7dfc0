#include "server/daemon/journal/stall.h"

#include <sys/statvfs.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

// Gives what the daemon's user may still write, or −1 if nobody says.
int64_t FreeBytes(const std::string& folder) {
  struct statvfs disk;
  if (::statvfs(folder.c_str(), &disk) != 0) return -1;
  return static_cast<int64_t>(disk.f_bavail) * static_cast<int64_t>(disk.f_frsize);
}

}  // namespace

Stall::Stall(const std::string& database, std::function<int64_t()> free_bytes)
    : folder_(std::filesystem::path(database).parent_path().string()),
      free_bytes_(free_bytes ? std::move(free_bytes) : [this] { return FreeBytes(folder_); }) {}

void Stall::Lock(const absl::Status& error) {
  const std::string text =
      absl::StrCat("another program has the database locked, nothing is written until it lets go: ",
                   std::string(error.message()));
  {
    MutexLock lock(mutex_);
    waiting_ = MakeError(absl::StatusCode::kUnavailable, text, reason::kStoreLocked);
    over_ = "the database is no longer locked by another program";
    stalled_.store(true);
  }
  server::LogWarning("journal", text);
}

void Stall::DiskFull(const absl::Status& error) {
  const int64_t bytes = free_bytes_();
  const std::string free = bytes < 0 ? "" : absl::StrCat(" (", bytes, " bytes free)");
  const std::string text =
      absl::StrCat("the disk of ", folder_, " is full", free, "; waiting for room");
  bool is_new = false;
  {
    MutexLock lock(mutex_);
    is_new = waiting_.ok();
    waiting_ = MakeError(absl::StatusCode::kResourceExhausted, text, reason::kDiskFull);
    over_ = absl::StrCat("the disk of ", folder_, " has room again: all that waited is written");
    stalled_.store(true);
  }
  if (!is_new) return;
  server::LogWarning("journal",
                     absl::StrCat(text, ", and nothing is acknowledged until there is some: ",
                                  std::string(error.message())));
}

void Stall::Over() {
  if (const std::string text = End(); !text.empty()) server::LogInfo("journal", text);
}

void Stall::Forget() { End(); }

std::string Stall::End() {
  if (!stalled_.load()) return "";
  MutexLock lock(mutex_);
  if (waiting_.ok()) return "";
  waiting_ = absl::OkStatus();
  stalled_.store(!failure_.ok());
  return over_;
}

void Stall::Fail(const absl::Status& error) {
  const std::string text =
      absl::StrCat("nothing can be written to the journal any more: ", std::string(error.message()),
                   "; repair what is wrong with the disk or folder, then start descentd again");
  {
    MutexLock lock(mutex_);
    failure_ = MakeError(absl::StatusCode::kUnavailable, text, reason::kStoreFailed);
    stalled_.store(true);
  }
  server::LogError("journal", text);
}

absl::Status Stall::status() const {
  if (!stalled_.load()) return absl::OkStatus();
  MutexLock lock(mutex_);
  return failure_.ok() ? waiting_ : failure_;
}

absl::Status Stall::failure() const {
  if (!stalled_.load()) return absl::OkStatus();
  MutexLock lock(mutex_);
  return failure_;
}

}  // namespace descent::daemon
