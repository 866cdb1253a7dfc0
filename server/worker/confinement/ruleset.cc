#include "server/worker/confinement/ruleset.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"
#include "server/worker/confinement/every_thread.h"

namespace descent::worker {
namespace {

// These are of kernels newer than Debian 12's headers.
constexpr uint64_t kTruncate = uint64_t{1} << 14;  // LANDLOCK_ACCESS_FS_TRUNCATE, version 3
constexpr uint64_t kDevice = uint64_t{1} << 15;    // LANDLOCK_ACCESS_FS_IOCTL_DEV, version 5

constexpr uint64_t kFirstVersion = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // all rights up to it
constexpr uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kUse = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                          LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | kDevice;
constexpr uint64_t kChange = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate |
                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                             LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR;
// What can be said of a file that is no folder.
constexpr uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
                              LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | kDevice;

uint64_t RightsOf(int version) {
  uint64_t rights = kFirstVersion;
  if (version >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) rights |= kTruncate;
  if (version >= 5) rights |= kDevice;
  return rights;
}

int Restrict(int descriptor) {
  return syscall(SYS_landlock_restrict_self, descriptor, 0) == 0 ? 0 : errno;
}

}  // namespace

int LandlockVersion() {
  const auto version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? static_cast<int>(version) : 0;
}

absl::StatusOr<Ruleset> Ruleset::Create() {
  const int version = LandlockVersion();
  if (version == 0) return absl::FailedPreconditionError("the kernel has no Landlock");
  landlock_ruleset_attr attributes = {};
  attributes.handled_access_fs = RightsOf(version);
  const auto descriptor =
      syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, /*flags=*/0);
  if (descriptor < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the kernel makes no ruleset: ", server::ErrnoText(errno)));
  }
  return Ruleset(static_cast<int>(descriptor), attributes.handled_access_fs);
}

Ruleset::~Ruleset() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status Ruleset::Allow(const std::string& path, Right right) {
  const int opened = open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (opened < 0) return absl::OkStatus();
  struct stat info = {};
  int error = 0;
  if (fstat(opened, &info) == 0 && !S_ISLNK(info.st_mode)) {
    landlock_path_beneath_attr rule = {};
    const uint64_t rights = right == Right::kRead ? kRead : right == Right::kUse ? kUse : kChange;
    rule.allowed_access = rights & handled_ & (S_ISDIR(info.st_mode) ? ~uint64_t{0} : kOfFiles);
    rule.parent_fd = opened;
    if (syscall(SYS_landlock_add_rule, descriptor_, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
      error = errno;
    }
  }
  close(opened);
  // EBADFD and ENOMSG: it is none of a file system (a socket), or nothing of it can be refused.
  if (error == 0 || error == EBADFD || error == ENOMSG) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(path, ": ", server::ErrnoText(error)));
}

absl::Status Ruleset::Enforce() const { return OnEveryThread(Restrict, descriptor_); }

}  // namespace descent::worker
