// A `ListeningSocket` is a socket that listens: over TCP, or at a path in the file system, where it
// is made anew if somebody removes it. One thread at a time, but for health.
#ifndef DESCENT_SERVER_DAEMON_SOCKETS_LISTENING_SOCKET_H_
#define DESCENT_SERVER_DAEMON_SOCKETS_LISTENING_SOCKET_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <atomic>
#include <string>

#include "absl/status/status.h"

namespace descent::daemon {

class ListeningSocket {
 public:
  ListeningSocket() = default;
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  // Removes the socket's file, unless another daemon has replaced it.
  ~ListeningSocket();

  // Listens, so that clients wait rather than be refused. `host` is numeric; port 0 means any free
  // one. UNAVAILABLE has the reason as a sentence.
  absl::Status ListenTcp(const std::string& host, int port);
  // Does so at a path, for its owner alone. A socket or a link that is there already is replaced;
  // anything else may be somebody's, and is refused.
  absl::Status ListenUnix(const std::string& path);

  // Listens anew if the socket's file was removed; else looks whether something else has its name.
  void ComeBack();
  // OK, or UNAVAILABLE: nobody finds it at its path. Any thread.
  absl::Status health() const;

  // The descriptor, which doesn't block; −1 before there is one.
  int fd() const { return fd_; }
  bool is_unix() const { return !path_.empty(); }
  int port() const { return port_; }  // 0 for a unix socket
  // Where it listens: `127.0.0.1:7600`, or the path.
  const std::string& where() const { return where_; }

 private:
  absl::Status MakeFile();
  absl::Status Bind(const sockaddr_storage& address, socklen_t size);

  std::string where_;
  std::string path_;  // for a unix socket
  ino_t file_ = 0;    // of the socket that stands there
  int port_ = 0;
  int fd_ = -1;
  std::atomic<bool> is_lost_ = false;  // whether the file is another's
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SOCKETS_LISTENING_SOCKET_H_
