#ifndef DESCENT_SERVER_DAEMON_HTTP_SERVER_H_
#define DESCENT_SERVER_DAEMON_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/daemon/jobs/jobs.h"

namespace descent::daemon {

// HTTP/1.1 for browsers, curl and Prometheus: the routes of server/daemon/http/routes.h.
// Thread-safe.
//
// One thread waits on all sockets and does nothing else; two more read the jobs and the journals
// and write JSON, so no client waits for another's work. A client of server-sent events has one
// chunk (64 KiB or so) in flight and gets the next when that is gone, so one that reads slowly
// holds no more than that; if nothing of it moves for a minute, the connection is closed.
//
// Legal order: Create; Shutdown; destruction. `jobs` must outlive the server, and callbacks that
// they still hold may run after it is gone.
class HttpServer {
 public:
  struct Options {
    std::string listen = "127.0.0.1:7601";  // loopback only; port 0: any free one
    std::function<std::string()> metrics = [] { return std::string(); };
    // OK, or why the daemon can't do its work: /readyz. Must not block.
    std::function<absl::Status()> health = [] { return absl::OkStatus(); };
    int max_connections = 1024;
    double keep_alive_seconds = 15;  // of server-sent events
    double read_seconds = 30;        // for a whole request, once it has begun
    double write_seconds = 60;       // for a response, or a chunk of events
  };

  // Listens when it returns. INVALID_ARGUMENT: the address; UNAVAILABLE: it can't be listened on,
  // with the reason (`PORT_IN_USE`).
  static absl::StatusOr<std::unique_ptr<HttpServer>> Create(Jobs& jobs, Options options);

  // Shuts down if that has not been done.
  virtual ~HttpServer() = default;

  // Where it listens, with the port that was chosen: `127.0.0.1:7601`.
  virtual const std::string& address() const = 0;
  virtual int port() const = 0;

  // Clients of server-sent events connected now.
  virtual int64_t watchers() const = 0;

  // Closes every connection; commands that were accepted stay accepted. Idempotent; blocks for
  // as long as a store read takes at most.
  virtual void Shutdown() = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_SERVER_H_
