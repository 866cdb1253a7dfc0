#ifndef DESCENT_SERVER_DAEMON_WORKERS_PROCESSES_H_
#define DESCENT_SERVER_DAEMON_WORKERS_PROCESSES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::daemon {

// A process, told apart from a later one with the same number by its start time (clock ticks since
// boot, /proc/PID/stat field 22).
struct ProcessId {
  int64_t pid = 0;
  int64_t start_ticks = 0;
  friend auto operator<=>(const ProcessId&, const ProcessId&) = default;
};

// How a process ended.
struct ProcessExit {
  bool known = false;   // false: it is not our child, so nobody tells us
  int exit_status = 0;  // of a process that exited
  int signal = 0;       // of one that was killed; else 0

  bool clean() const { return known && exit_status == 0 && signal == 0; }
};

// `was killed by signal 9 (SIGKILL)`, `exited with status 1`, `is gone`.
std::string DescribeExit(const ProcessExit& exit);

// Launching worker processes, and news of their end. Thread-safe. An interface so that tests have
// workers without processes.
class Processes {
 public:
  virtual ~Processes() = default;

  // Starts a worker that will say Hello with this id. Its stdout and stderr go to `log_path`.
  // RESOURCE_EXHAUSTED: no descriptor is left; try again soon.
  virtual absl::StatusOr<ProcessId> Launch(const std::string& worker_id,
                                           const std::string& log_path) = 0;

  // Runs `on_exit` once, when the process has ended, on a thread of its own; soon if there is no
  // such process (any more); never because there is no descriptor to watch it by: then it is tried
  // again. Once the destructor has returned, never again.
  virtual void Watch(const ProcessId& process, std::function<void(const ProcessExit&)> on_exit) = 0;
};

// Processes of this machine. Children get a session of their own (a Ctrl-C at the daemon's
// terminal is not theirs) and none of our descriptors but stdout and stderr. Others are watched
// too, by pidfd: a daemon that was restarted has workers that are not its children.
//
// `arguments`: those of every worker, besides its own. FAILED_PRECONDITION: `binary` can't be
// executed.
absl::StatusOr<std::unique_ptr<Processes>> SystemProcesses(
    const std::string& binary, const std::string& socket,
    const std::vector<std::string>& arguments = {});

// 0 if there is no such process.
int64_t ProcessStartTicks(int64_t pid);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_PROCESSES_H_
