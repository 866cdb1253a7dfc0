// System calls that fail when a test wants it. Loaded before a program (LD_PRELOAD), this library
// stands between it, with all its libraries, and libc; $DESCENT_FAILPOINTS names a file, a table of
// rules, that a test maps and changes while the program runs (helpers/failpoints.py). A call that a
// rule matches is not made: it gives −1 and the rule's errno. Without the file nothing happens.
//
// A rule matches by the call's name (`write` is also pwrite, writev), the program's name, and a
// shell pattern for the file: its path, or of a socket `socket:PATH` (unix, of whichever end has
// one) or `socket:PORT` (of this end).

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

// As helpers/failpoints.py packs it: little-endian, no padding.
struct Rule {
  char call[16];      // empty: no rule
  char program[16];   // as in /proc/PID/comm; empty: any
  char pattern[160];  // for fnmatch
  int32_t error;
  int32_t skip;  // so many matching calls are made before the first one fails
  int32_t left;  // so many fail; −1: all from then on
  int32_t hits;  // so many have failed
};
static_assert(sizeof(Rule) == 208);
constexpr int kRules = 16;

Rule* rules = nullptr;

void Map() {
  const char* path = getenv("DESCENT_FAILPOINTS");  // NOLINT(concurrency-mt-unsafe)
  if (path == nullptr) return;
  // Not by `open`: that is the one below.
  const int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0));
  if (fd < 0) return;
  void* map = mmap(nullptr, kRules * sizeof(Rule), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) rules = static_cast<Rule*>(map);
}

__attribute__((constructor)) void Begin() { Map(); }

// Gives what a descriptor is called; an empty text if it can't be told.
void NameOf(int fd, char* name, size_t size) {
  name[0] = '\0';
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, name, size - 1);
  name[length < 0 ? 0 : length] = '\0';
  if (strncmp(name, "socket:", 7) != 0) return;
  for (int end = 0; end < 2; ++end) {
    sockaddr_storage storage{};
    socklen_t bytes = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    const int status =
        end == 0 ? getsockname(fd, address, &bytes) : getpeername(fd, address, &bytes);
    if (status != 0) return;
    if (storage.ss_family == AF_UNIX) {
      const auto* unix_address = reinterpret_cast<const sockaddr_un*>(&storage);
      if (bytes <= offsetof(sockaddr_un, sun_path) || unix_address->sun_path[0] == '\0') continue;
      snprintf(name, size, "socket:%s", unix_address->sun_path);
    } else if (storage.ss_family == AF_INET) {
      const auto* address4 = reinterpret_cast<const sockaddr_in*>(&storage);
      snprintf(name, size, "socket:%d", ntohs(address4->sin_port));
    }
    return;
  }
}

bool IsFor(const Rule& rule, const char* call) {
  return strncmp(rule.call, call, sizeof rule.call) == 0 &&
         (rule.program[0] == '\0' ||
          strncmp(rule.program, program_invocation_short_name, sizeof rule.program - 1) == 0);
}

// True if this call, on what has this name, is to fail; errno says how.
bool Strikes(Rule& rule, const char* name) {
  if (fnmatch(rule.pattern, name, 0) != 0) return false;
  if (__atomic_load_n(&rule.skip, __ATOMIC_RELAXED) > 0 &&
      __atomic_fetch_sub(&rule.skip, 1, __ATOMIC_RELAXED) > 0) {
    return false;
  }
  int32_t left = __atomic_load_n(&rule.left, __ATOMIC_RELAXED);
  while (left > 0 && !__atomic_compare_exchange_n(&rule.left, &left, left - 1, false,
                                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  if (left == 0) return false;
  __atomic_fetch_add(&rule.hits, 1, __ATOMIC_RELAXED);
  errno = rule.error;
  return true;
}

bool FailsAt(const char* call, const char* path) {
  if (rules == nullptr) return false;
  for (int i = 0; i < kRules; ++i) {
    if (IsFor(rules[i], call) && Strikes(rules[i], path)) return true;
  }
  return false;
}

bool FailsOn(const char* call, int fd) {
  if (rules == nullptr) return false;
  const int before = errno;
  char name[PATH_MAX];
  bool named = false;
  for (int i = 0; i < kRules; ++i) {
    if (!IsFor(rules[i], call)) continue;
    if (!named) NameOf(fd, name, sizeof name);
    named = true;
    if (Strikes(rules[i], name)) return true;
  }
  errno = before;
  return false;
}

// The call that comes after this library's.
template <class Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// The third argument of open, if there is one.
mode_t ModeOf(int flags, va_list arguments) {
  const bool given = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return given ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

#define DESCENT_NEXT(name) static auto* const next = Next<decltype(name)>(#name)

#define DESCENT_OPEN(name)                        \
  int name(const char* path, int flags, ...) {    \
    va_list arguments;                            \
    va_start(arguments, flags);                   \
    const mode_t mode = ModeOf(flags, arguments); \
    va_end(arguments);                            \
    if (FailsAt("open", path)) return -1;         \
    DESCENT_NEXT(name);                           \
    return next(path, flags, mode);               \
  }
DESCENT_OPEN(open)
DESCENT_OPEN(open64)

ssize_t write(int fd, const void* bytes, size_t size) {
  if (FailsOn("write", fd)) return -1;
  DESCENT_NEXT(write);
  return next(fd, bytes, size);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  if (FailsOn("write", fd)) return -1;
  DESCENT_NEXT(writev);
  return next(fd, parts, count);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  if (FailsOn("write", fd)) return -1;
  DESCENT_NEXT(pwrite);
  return next(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  if (FailsOn("write", fd)) return -1;
  DESCENT_NEXT(pwrite64);
  return next(fd, bytes, size, at);
}

int fsync(int fd) {
  if (FailsOn("fsync", fd)) return -1;
  DESCENT_NEXT(fsync);
  return next(fd);
}

int fdatasync(int fd) {
  if (FailsOn("fsync", fd)) return -1;
  DESCENT_NEXT(fdatasync);
  return next(fd);
}

int ftruncate(int fd, off_t size) noexcept {
  if (FailsOn("ftruncate", fd)) return -1;
  DESCENT_NEXT(ftruncate);
  return next(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  if (FailsOn("ftruncate", fd)) return -1;
  DESCENT_NEXT(ftruncate64);
  return next(fd, size);
}

// By its new name: the old one is a temporary file's.
int rename(const char* from, const char* to) noexcept {
  if (FailsAt("rename", to)) return -1;
  DESCENT_NEXT(rename);
  return next(from, to);
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (FailsAt("mkdir", path)) return -1;
  DESCENT_NEXT(mkdir);
  return next(path, mode);
}

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  if (FailsOn("send", fd)) return -1;
  DESCENT_NEXT(send);
  return next(fd, bytes, size, flags);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (FailsOn("send", fd)) return -1;
  DESCENT_NEXT(sendmsg);
  return next(fd, message, flags);
}

ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  if (FailsOn("recv", fd)) return -1;
  DESCENT_NEXT(recv);
  return next(fd, bytes, size, flags);
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (FailsOn("recv", fd)) return -1;
  DESCENT_NEXT(recvmsg);
  return next(fd, message, flags);
}

}  // extern "C"
