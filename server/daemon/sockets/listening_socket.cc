#include "server/daemon/sockets/listening_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"
#include "server/common/log.h"

namespace descent::daemon {
namespace {

constexpr int kBacklog = 1024;

absl::Status CannotListen(const std::string& where, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", where, ": ", server::ErrnoText(error)));
}

// Gives which socket stands there, or 0 if none does.
ino_t FileOf(const std::string& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

}  // namespace

ListeningSocket::~ListeningSocket() {
  if (fd_ >= 0) close(fd_);
  if (file_ != 0 && FileOf(path_) == file_) unlink(path_.c_str());
}

absl::Status ListeningSocket::ListenTcp(const std::string& host, int port) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    size = sizeof(*v4);
  } else if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    size = sizeof(*v6);
  }
  where_ = absl::StrCat(host, ":", port);
  if (absl::Status status = Bind(storage, size); !status.ok()) return status;
  size = sizeof(storage);
  getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size);
  port_ = ntohs(storage.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
  where_ = absl::StrCat(host, ":", port_);
  return absl::OkStatus();
}

absl::Status ListeningSocket::ListenUnix(const std::string& path) {
  where_ = path_ = path;
  return MakeFile();
}

absl::Status ListeningSocket::MakeFile() {
  sockaddr_storage storage{};
  auto* address = reinterpret_cast<sockaddr_un*>(&storage);
  if (path_.size() >= sizeof(address->sun_path)) return CannotListen(path_, ENAMETOOLONG);
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path, path_.data(), path_.size());
  struct stat there{};
  if (lstat(path_.c_str(), &there) == 0 && !S_ISSOCK(there.st_mode) && !S_ISLNK(there.st_mode)) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", path_, ": it is ", S_ISDIR(there.st_mode) ? "a folder" : "a file",
        ", not a socket; move it away, and a socket is made"));
  }
  unlink(path_.c_str());
  if (absl::Status status = Bind(storage, sizeof(*address)); !status.ok()) return status;
  chmod(path_.c_str(), S_IRUSR | S_IWUSR);
  file_ = FileOf(path_);
  return absl::OkStatus();
}

void ListeningSocket::ComeBack() {
  if (path_.empty() || FileOf(path_) == file_) return;
  struct stat there{};
  if (lstat(path_.c_str(), &there) != 0 && MakeFile().ok()) {
    is_lost_ = false;
    return server::LogWarning("sockets", absl::StrCat(path_, " was removed; made anew"));
  }
  if (!is_lost_.exchange(true)) server::LogError("sockets", std::string(health().message()));
}

absl::Status ListeningSocket::health() const {
  if (!is_lost_) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("nobody finds descentd at ", path_,
                   ": its socket there was removed, or something else has the name; move that "
                   "away, and a socket is made"));
}

absl::Status ListeningSocket::Bind(const sockaddr_storage& address, socklen_t size) {
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return CannotListen(where_, errno);
  // SO_REUSEPORT is not set: a second daemon must not share the port silently.
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      listen(fd, kBacklog) != 0) {
    const int error = errno;
    close(fd);
    return CannotListen(where_, error);
  }
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  return absl::OkStatus();
}

}  // namespace descent::daemon
