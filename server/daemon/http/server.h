// `HttpServer` serves HTTP/1.1 to browsers, curl and Prometheus: the routes of
// server/daemon/http/routes.h. Thread-safe.
//
// One thread waits on all sockets and does nothing else; two more read the jobs and the journals
// and write JSON, so no client waits for another's work. A client of server-sent events has one
// chunk (64 KiB or so) in flight and gets the next when that is gone, so one that reads slowly
// holds no more than that; if nothing of it moves for a minute, the connection is closed.
//
// Nobody shuts out anybody else: connections that wait for a request, or have sent half of one,
// give way to new ones, the oldest first; of those that are answered there may be so many, and a
// quarter of these is kept from server-sent events; who comes beyond that is told so (503). Those
// who ask how the daemon is (/healthz, /readyz, /metrics) have connections and a thread of their
// own.
//
// The legal order is Create; Shutdown; destruction. The jobs must outlive the server, and callbacks
// that they still hold may run after it is gone.
#ifndef DESCENT_SERVER_DAEMON_HTTP_SERVER_H_
#define DESCENT_SERVER_DAEMON_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/common/tally.h"
#include "server/daemon/requests/requests.h"
#include "server/daemon/tls/server_certificate.h"

namespace descent::daemon {

class Access;

class HttpServer {
 public:
  struct Options {
    std::string listen = "127.0.0.1:7601";  // port 0: any free one
    // What is shown over TLS. Null means that nothing is encrypted, which is for loopback alone.
    std::shared_ptr<ServerCertificate> certificate = nullptr;
    // Names under which people come, in lower case, besides loopback's and the certificate's: a
    // proxy's.
    std::vector<std::string> hosts = {};
    // Who may ask; must outlive the server. Null: everybody is an admin.
    Access* access = nullptr;
    // True if /metrics is open to all.
    bool open_metrics = false;
    std::function<std::string()> metrics = [] { return std::string(); };
    // OK, or why the daemon can't do its work, which /readyz tells. Must not block.
    std::function<absl::Status()> health = [] { return absl::OkStatus(); };
    // Counts the answers; null: nobody does (Routes::Options).
    server::Tally<3>* answered = nullptr;
    // So many connections are answered at a time, besides kHealthConnections. It is asked again and
    // again, and may change.
    std::function<int64_t()> max_connections = [] { return int64_t{1024}; };
    // After so long without a byte a client of server-sent events is sent a comment, whatever
    // happens that it did not ask for, so that a client that has gone is noticed.
    double keep_alive_seconds = 15;
    double read_seconds = 30;   // for a whole request, once it has begun
    double write_seconds = 60;  // for a response, or a chunk of events
    // How long a command's answer is waited for, before whoever asked is told that, and why, there
    // is none yet.
    double answer_seconds = 120;
  };

  // Gives a server that listens already. INVALID_ARGUMENT if the address is wrong; UNAVAILABLE if
  // it can't be listened on, with the reason (`PORT_IN_USE`).
  static absl::StatusOr<std::unique_ptr<HttpServer>> Create(Requests requests, Options options);

  // Shuts down if that has not been done.
  virtual ~HttpServer() = default;

  // Where it listens, with the port that was chosen: `127.0.0.1:7601`.
  virtual const std::string& address() const = 0;
  virtual int port() const = 0;

  // How many clients of server-sent events are connected now.
  virtual int64_t watchers() const = 0;
  // How many durable events the slowest of them has not been given yet.
  virtual int64_t lag() const = 0;

  // How many connections are open now, and how many were turned away since the start.
  virtual int64_t connections() const = 0;
  virtual int64_t refused_connections() const = 0;

  // Closes every connection; commands that were accepted stay accepted. Idempotent; blocks for
  // as long as a store read takes at most.
  virtual void Shutdown() = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_SERVER_H_
