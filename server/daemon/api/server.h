#ifndef DESCENT_SERVER_DAEMON_API_SERVER_H_
#define DESCENT_SERVER_DAEMON_API_SERVER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/common/clock.h"
#include "server/daemon/requests/requests.h"

namespace descent::daemon {

// descent.v1.TrainingService over gRPC, with grpc.health.v1 and server reflection: what people's
// programs talk to. Thread-safe. Holds no state of its own: every answer comes from the jobs and
// their journals.
//
// Legal order: Create; any number of calls; Shutdown; destruction. The jobs must outlive the
// server, and callbacks that the jobs still hold may run after it is gone.
class ApiServer {
 public:
  struct Options {
    std::string listen = "127.0.0.1:7600";  // loopback only; port 0: any free one
    // OK while the daemon can do its work; asked a few times a second from a thread of the
    // server's own, must not block. grpc.health.v1 says NOT_SERVING when it is not OK.
    std::function<absl::Status()> health = [] { return absl::OkStatus(); };
    // Connections at a time; further ones are told so and closed. Asked at every connection.
    std::function<int64_t()> max_connections = [] { return int64_t{4096}; };
    // A connection without a call, as of a watch, for so long is told to go; its client connects
    // again when it wants something.
    std::chrono::milliseconds max_idle = std::chrono::minutes(30);
    // Threads that read the store for watchers that lag behind.
    int reader_threads = 2;
    const server::Clock* clock = server::Clock::Real();
  };

  // Listens when it returns. INVALID_ARGUMENT: the address; UNAVAILABLE: it can't be listened on,
  // with the reason (`PORT_IN_USE`).
  static absl::StatusOr<std::unique_ptr<ApiServer>> Create(Requests requests, Options options);

  // As Shutdown with no time left.
  virtual ~ApiServer() = default;

  // Where it listens, with the port that was chosen: `127.0.0.1:7600`.
  virtual const std::string& address() const = 0;
  virtual int port() const = 0;

  // Watchers connected now.
  virtual int64_t watchers() const = 0;
  // Durable events that the slowest of them has not been given yet.
  virtual int64_t lag() const = 0;

  // Open now; turned away since the start.
  virtual int64_t connections() const = 0;
  virtual int64_t refused_connections() const = 0;

  // OK, or why the next client is turned away.
  virtual absl::Status listening() const = 0;

  // Takes no new calls, ends every watch with UNAVAILABLE (clients resume from their cursor),
  // lets the other calls finish until `deadline`, and cancels those that don't: their commands
  // stay accepted. Idempotent; blocks.
  virtual void Shutdown(std::chrono::system_clock::time_point deadline) = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_SERVER_H_
