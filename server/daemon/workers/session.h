// The daemon's side of the sessions with workers (descent.worker.v1): what comes over each stream
// goes to a `SessionHandler`.
#ifndef DESCENT_SERVER_DAEMON_WORKERS_SESSION_H_
#define DESCENT_SERVER_DAEMON_WORKERS_SESSION_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/worker/v1/worker.pb.h"

namespace descent::daemon {

class Worker;

// One stream to a worker process. Thread-safe; what is sent after its end is dropped.
class WorkerConnection {
 public:
  virtual ~WorkerConnection() = default;

  virtual void Send(worker::v1::DaemonMessage message) = 0;

  // Sends an Ack message; one that waits to be written is replaced by a later one.
  virtual void SendAck(int64_t sequence) = 0;

  // Sends Fenced and ends the stream.
  virtual void Fence(const std::string& reason) = 0;

  // The worker whose stream it is; set once, by OnHello's handler before it calls `resume`.
  std::shared_ptr<Worker> worker;
};

using ConnectionPtr = std::shared_ptr<WorkerConnection>;

// What a stream brings. It is called on gRPC's threads and must not block; the next message of the
// stream is read only after `resume` was called, so a handler may take its time elsewhere.
class SessionHandler {
 public:
  using Resume = std::function<void()>;

  virtual ~SessionHandler() = default;
  virtual void OnHello(ConnectionPtr connection, worker::v1::Hello hello, Resume resume) = 0;
  // Takes anything but a first Hello.
  virtual void OnMessage(ConnectionPtr connection, worker::v1::WorkerMessage message,
                         Resume resume) = 0;
  // Takes anything that can't be parsed, after the first Hello: `problem` is a sentence without its
  // full stop.
  virtual void OnUnreadable(ConnectionPtr connection, std::string problem, Resume resume) = 0;
  virtual void OnClosed(ConnectionPtr connection) = 0;
};

// Serves descent.worker.v1.WorkerService on a unix socket. Messages travel as bytes that are parsed
// here, so that one that can't be ends what it belongs to and not the stream, over which it would
// come again. A Hello that can't be parsed refuses the session.
class WorkerServer {
 public:
  struct Options {
    // How long somebody may be connected without a session, and a session be without a Hello.
    std::chrono::milliseconds hello_time = std::chrono::seconds(10);
    // What connections there may be, as in GrpcListener::Options.
    std::function<int64_t()> max_connections = [] { return std::numeric_limits<int64_t>::max(); };
    std::function<bool(int64_t pid)> has_own_share = [](int64_t) { return false; };
  };

  // Gives a server that listens already. `handler` must outlive it. UNAVAILABLE if the socket can't
  // be made.
  static absl::StatusOr<std::unique_ptr<WorkerServer>> Create(const std::string& socket,
                                                              Options options,
                                                              SessionHandler* handler);
  // Ends every stream; no handler runs from then on.
  virtual ~WorkerServer() = default;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_SESSION_H_
