// A `GrpcListener` listens for a gRPC server and hands it the connections. Thread-safe; it has a
// thread of its own.
//
// gRPC 1.51 gives up its own listener for good at the first accept that fails for want of a
// descriptor (src/core/lib/iomgr/tcp_server_posix.cc, on_read): from then on connections are made
// by the kernel and nobody ever answers. This one goes on, and also counts: a connection beyond the
// limit is told so (grpc_refusal.h), and closed; over a unix socket, or where TLS is spoken, it is
// closed at once, and the log tells.
//
// The legal order is Tcp or Unix; AddTo a builder; Start when the server stands; Stop; destruction.
#ifndef DESCENT_SERVER_DAEMON_SOCKETS_GRPC_LISTENER_H_
#define DESCENT_SERVER_DAEMON_SOCKETS_GRPC_LISTENER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::daemon {

class GrpcListener {
 public:
  struct Options {
    // It is asked at every connection, and may change.
    std::function<int64_t()> max_connections = [] { return std::numeric_limits<int64_t>::max(); };
    // For a unix socket: true if a process with this pid has a share of its own, a few connections
    // for each, which count for nothing else. It is asked at every connection, on the listener's
    // thread, and must not block.
    std::function<bool(int64_t pid)> has_own_share = [](int64_t) { return false; };
    // What clients are shown over TLS. Null: nothing is encrypted.
    std::shared_ptr<grpc::ServerCredentials> credentials = nullptr;
  };

  // Gives a listener that listens already, so that clients wait rather than be refused. `host` is
  // numeric; port 0 means any free one. UNAVAILABLE has the reason as a sentence.
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Tcp(const std::string& host, int port,
                                                           Options options);
  // Gives one at a socket in the file system, for its owner alone; a socket or a link that is there
  // already is replaced, anything else refused. It is made anew if somebody removes it (a cleaner
  // of /tmp); while something else has its name, health says so.
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Unix(const std::string& path,
                                                            Options options);

  virtual ~GrpcListener() = default;  // does what Stop does

  virtual int port() const = 0;  // 0 for a unix socket

  // Adds this listener to a server, in place of AddListeningPort.
  virtual void AddTo(grpc::ServerBuilder& builder) = 0;
  virtual void Start() = 0;
  // Takes no more connections; call it before the server's Shutdown. Idempotent, blocks for a
  // moment.
  virtual void Stop() = 0;

  // How many are open now, but for those of has_own_share, and how many were turned away since the
  // start.
  virtual int64_t connections() const = 0;
  virtual int64_t refused() const = 0;

  // OK, or why the next client is turned away, or finds nobody.
  virtual absl::Status health() const = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SOCKETS_GRPC_LISTENER_H_
