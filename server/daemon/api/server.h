// `ApiServer` serves descent.v1.TrainingService, DatasetService and TokenService over gRPC, with
// grpc.health.v1 and server reflection, which are open to all: it is what people's programs talk
// to. It holds no state of its own: every answer comes from the jobs and their journals.
// Thread-safe.
//
// The legal order is Create; any number of calls; Shutdown; destruction. The jobs must outlive the
// server, and callbacks that the jobs still hold may run after it is gone.
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
#include "server/daemon/tls/server_certificate.h"

namespace descent::daemon {

class Access;
class DatasetStore;

class ApiServer {
 public:
  struct Options {
    std::string listen = "127.0.0.1:7600";  // port 0: any free one
    // What is shown over TLS. Null means that nothing is encrypted, which is for loopback alone.
    std::shared_ptr<ServerCertificate> certificate = nullptr;
    // A socket in the file system where it listens besides, for the daemon's user alone, who needs
    // no token there. Empty: none.
    std::string client_socket = {};
    // Who may ask; must outlive the server. Null: everybody is an admin.
    Access* access = nullptr;
    // What DatasetService is about; must outlive the server. Null: it is UNIMPLEMENTED.
    DatasetStore* datasets = nullptr;
    // OK while the daemon can do its work. It is asked a few times a second from a thread of the
    // server's own, and must not block. grpc.health.v1 says NOT_SERVING when it is not OK.
    std::function<absl::Status()> health = [] { return absl::OkStatus(); };
    // So many connections are taken at a time; further ones are told so (at the clients' socket the
    // log is) and closed. It is asked at every connection.
    std::function<int64_t()> max_connections = [] { return int64_t{4096}; };
    // A connection without a call (a watch is one) for so long is told to go; its client connects
    // again when it wants something.
    std::chrono::milliseconds max_idle = std::chrono::minutes(30);
    // So many calls wait for an answer at a time, watches apart, and their requests have so many
    // bytes together; of both, one principal has three quarters at most. Further ones are
    // RESOURCE_EXHAUSTED (`TOO_MANY_CALLS`).
    int64_t max_calls = 4096;
    int64_t max_request_bytes = int64_t{256} << 20;
    // So many threads read the store for watchers that lag behind.
    int reader_threads = 2;
    const server::Clock* clock = server::Clock::Real();
  };

  // Gives a server that listens already. INVALID_ARGUMENT if the address is wrong; UNAVAILABLE if
  // it can't be listened on, with the reason (`PORT_IN_USE`).
  static absl::StatusOr<std::unique_ptr<ApiServer>> Create(Requests requests, Options options);

  // Does what Shutdown does with no time left.
  virtual ~ApiServer() = default;

  // Where it listens, with the port that was chosen: `127.0.0.1:7600`.
  virtual const std::string& address() const = 0;
  virtual int port() const = 0;

  // How many watchers are connected now.
  virtual int64_t watchers() const = 0;
  // How many durable events the slowest of them has not been given yet.
  virtual int64_t lag() const = 0;

  // How many connections are open now, and how many were turned away since the start.
  virtual int64_t connections() const = 0;
  virtual int64_t refused_connections() const = 0;

  // OK, or why the next client is turned away.
  virtual absl::Status listening() const = 0;

  // Takes no new calls, ends every watch with UNAVAILABLE (clients resume from their cursor), lets
  // the other calls finish until `deadline`, and cancels those that don't: their commands stay
  // accepted. Idempotent; blocks.
  virtual void Shutdown(std::chrono::system_clock::time_point deadline) = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_SERVER_H_
