// A `Launcher` starts workers, and tells of their end. Where they run is its own business: as
// processes of this machine (local.h). Thread-safe; must not call back within a call.
#ifndef DESCENT_SERVER_DAEMON_LAUNCH_LAUNCHER_H_
#define DESCENT_SERVER_DAEMON_LAUNCH_LAUNCHER_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "server/daemon/launch/processes.h"

namespace descent::daemon {

// What a worker is told when it is started: who it is, and what makes the daemon believe it.
struct Launch {
  std::string worker_id;  // Hello.worker_id
  std::string secret;     // Hello.secret; never in a command line, which everybody can read
  std::string log_path;   // its stdout and stderr are appended here
};

// The environment variable that holds Launch::secret.
inline constexpr const char* kSecretVariable = "DESCENT_WORKER_SECRET";

class Launcher {
 public:
  virtual ~Launcher() = default;

  // Starts a worker for jobs of known layers, which will say Hello as a spare. RESOURCE_EXHAUSTED
  // if no descriptor is left: try again soon; UNAVAILABLE if it can't be started.
  virtual absl::StatusOr<ProcessId> Start(const Launch& launch) = 0;

  // Runs `on_exit` once, when the process has ended, on a thread of its own, whoever started the
  // process; soon if there is no such process (any more). If there is no descriptor to watch it by,
  // it is tried again. Once the destructor has returned, nothing runs any more.
  virtual void Watch(const ProcessId& process, std::function<void(const ProcessExit&)> on_exit) = 0;

  // Gives the memory limit, in bytes, that a process which was started here is held to; 0: none.
  virtual int64_t MemoryLimit(const ProcessId& process) const = 0;

  // Ends the process at once (SIGKILL), if it is still there: a worker that says and hears nothing.
  virtual void End(const ProcessId& process) = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_LAUNCH_LAUNCHER_H_
