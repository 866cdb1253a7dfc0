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
constexpr int64_t kOwn = 112;
constexpr int64_t kOfAJob = 4;
// A watcher of gRPC costs some 40 KiB, so that this is 160 MiB at most.
constexpr int64_t kMostGrpc = 4096;
constexpr int64_t kMostHttp = 1024;

int OpenOne() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

int64_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);  // else it stays as it is
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
  return {.http = std::min(left / 2, kMostHttp), .grpc = std::min(left / 2, kMostGrpc)};
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

}  // namespace descent::daemon
