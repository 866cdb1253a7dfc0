#include "server/daemon/sockets/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"

namespace descent::daemon {
namespace {

// An idle daemon has some forty: the store, listeners, gRPC's pollers, a spare worker; 32 gRPC
// clients may be told at a time that they are too many. A worker has its connection, its pidfd, and
// at its start its log.
constexpr int64_t kOwn = 112 + kHeldForHealth;
constexpr int64_t kOfAJob = 4;
// People's own programs come to the workers' socket, each with one connection.
constexpr int64_t kFewWorkers = 8;
constexpr int64_t kMostWorkers = 1024;
// A gRPC watcher costs some 40 KiB, so that this is 160 MiB at most.
constexpr int64_t kMostGrpc = 4096;
constexpr int64_t kMostHttp = 1024;

int OpenOne() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

int64_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);  // if that fails it stays as it is
  }
  return DescriptorLimit();
}

int64_t DescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  constexpr rlim_t kMost = std::numeric_limits<int32_t>::max();
  return static_cast<int64_t>(std::min(limit.rlim_cur, kMost));
}

ConnectionLimits LimitsOf(int64_t descriptors, int running_jobs) {
  const int64_t own = std::min(kOwn + kOfAJob * running_jobs, descriptors / 2);
  const int64_t left = std::max<int64_t>(descriptors - own - kHealthConnections, 2);
  const int64_t workers = std::clamp(left / 16, std::min(kFewWorkers, left / 4), kMostWorkers);
  const int64_t half = (left - workers) / 2;
  return {.http = std::min(half, kMostHttp), .grpc = std::min(half, kMostGrpc), .workers = workers};
}

bool IsOutOfDescriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

absl::Status CheckDescriptors() {
  const int fd = OpenOne();
  if (fd >= 0) {
    close(fd);
    return absl::OkStatus();
  }
  const int error = errno;
  return absl::ResourceExhaustedError(
      absl::StrCat("no file can be opened: ", server::ErrnoText(error), "; ", DescriptorLimit(),
                   " descriptors are allowed (ulimit -n, LimitNOFILE= of systemd)"));
}

void SpareDescriptor::Take() {
  if (fd_ < 0) fd_ = OpenOne();
}

void SpareDescriptor::Release() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

HeldDescriptors::HeldDescriptors(int64_t count)
    : count_(static_cast<size_t>(count)), source_(OpenOne()) {
  Fill();
}

HeldDescriptors::~HeldDescriptors() {
  for (const int fd : held_) close(fd);
  if (source_ >= 0) close(source_);
}

bool HeldDescriptors::Lend() {
  if (held_.empty()) return false;
  close(held_.back());
  held_.pop_back();
  return true;
}

void HeldDescriptors::TakeBack(int fd) {
  if (held_.size() < count_ && dup3(source_, fd, O_CLOEXEC) == fd) {
    held_.push_back(fd);
  } else {
    close(fd);
  }
}

void HeldDescriptors::Fill() {
  while (held_.size() < count_) {
    const int fd = fcntl(source_, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return;
    held_.push_back(fd);
  }
}

}  // namespace descent::daemon
