#include "server/daemon/sockets/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/common/errno_text.h"

namespace descent::daemon {
namespace {

absl::Status Refuse(std::string_view flag, std::string_view text, std::string_view why) {
  return InvalidField(flag, absl::StrCat("\"", std::string(text), "\" ", std::string(why)),
                      reason::kInvalidAddress);
}

// Fills `storage` from a numeric address, and gives its length, or 0.
socklen_t ToSocketAddress(const ListenAddress& address, sockaddr_storage* storage) {
  std::memset(storage, 0, sizeof(*storage));
  auto* v4 = reinterpret_cast<sockaddr_in*>(storage);
  if (inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(address.port));
    return sizeof(*v4);
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(storage);
  if (inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(address.port));
    return sizeof(*v6);
  }
  return 0;
}

// Gives a name's first address, numeric, or why there is none.
absl::StatusOr<std::string> LookUp(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* results = nullptr;
  const int error = getaddrinfo(name.c_str(), nullptr, &hints, &results);
  if (error != 0) return absl::NotFoundError(gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(results, freeaddrinfo);
  char numeric[NI_MAXHOST];
  if (getnameinfo(results->ai_addr, results->ai_addrlen, numeric, sizeof(numeric), nullptr, 0,
                  NI_NUMERICHOST) != 0) {
    return absl::NotFoundError("its address can't be written");
  }
  return std::string(numeric);
}

}  // namespace

std::string ListenAddress::ToString() const {
  return host.find(':') != std::string::npos ? absl::StrCat("[", host, "]:", port)
                                             : absl::StrCat(host, ":", port);
}

bool ListenAddress::IsLoopback() const {
  sockaddr_storage storage;
  if (ToSocketAddress(*this, &storage) == 0) return false;
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text, std::string_view flag) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return Refuse(flag, text, "lacks a port: HOST:PORT, such as 127.0.0.1:7600");
  }
  const std::string_view port = text.substr(colon + 1);
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  ListenAddress address;
  address.host = host == "localhost" || host.empty() ? "127.0.0.1" : std::string(host);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port < 0 ||
      address.port > 65535) {
    return Refuse(flag, text, "has no valid port: a number from 0 to 65535, 0 for any free one");
  }
  sockaddr_storage storage;
  if (ToSocketAddress(address, &storage) != 0) return address;
  const absl::StatusOr<std::string> found = LookUp(address.host);
  if (!found.ok()) {
    return Refuse(flag, text,
                  absl::StrCat("is neither a numeric address nor a name that can be looked up (",
                               std::string(found.status().message()),
                               "): HOST:PORT, such as 127.0.0.1:7600"));
  }
  address.host = *found;
  if (ToSocketAddress(address, &storage) == 0) {
    return Refuse(flag, text, absl::StrCat("is at ", *found, ", which can't be listened on"));
  }
  return address;
}

absl::Status CheckReach(const ListenAddress& address, bool encrypted, std::string_view flag) {
  if (encrypted || address.IsLoopback()) return absl::OkStatus();
  return Refuse(
      flag, address.ToString(),
      "can be reached from other machines, so it needs TLS: make a certificate with "
      "\"descentd certificate\", or name yours with --tls_certificate and --tls_key; else "
      "use 127.0.0.1, and an SSH tunnel from elsewhere");
}

absl::Status ProbeListenAddress(const ListenAddress& address, std::string_view flag) {
  sockaddr_storage storage;
  const socklen_t length = ToSocketAddress(address, &storage);
  const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return MakeError(absl::StatusCode::kUnavailable,
                     absl::StrCat("cannot open a socket for ", address.ToString(), ": ",
                                  server::ErrnoText(errno)),
                     reason::kCannotListen);
  }
  // This is as the servers do, so that connections of a daemon that has just left don't count.
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  const int result = bind(fd, reinterpret_cast<const sockaddr*>(&storage), length);
  const int error = errno;
  close(fd);
  if (result == 0) return absl::OkStatus();
  if (error == EADDRINUSE) {
    return MakeError(absl::StatusCode::kUnavailable,
                     absl::StrCat(std::string(flag), ": ", address.ToString(),
                                  " is in use by another program (another descentd?); choose "
                                  "another port, or 0 for any free one"),
                     reason::kPortInUse);
  }
  return MakeError(absl::StatusCode::kUnavailable,
                   absl::StrCat(std::string(flag), ": cannot listen on ", address.ToString(), ": ",
                                server::ErrnoText(error)),
                   reason::kCannotListen);
}

}  // namespace descent::daemon
