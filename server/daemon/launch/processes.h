// Processes of this machine: they are started, watched and ended here.
#ifndef DESCENT_SERVER_DAEMON_LAUNCH_PROCESSES_H_
#define DESCENT_SERVER_DAEMON_LAUNCH_PROCESSES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
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
  bool known = false;   // false if it is not our child, so that nobody tells us
  int exit_status = 0;  // if it exited
  int signal = 0;       // if it was killed; else 0
  // Set if it was killed for memory: the limit, in bytes, that it was over; 0 if it was over none,
  // and the machine had no memory left.
  std::optional<int64_t> memory_limit = {};

  bool clean() const { return known && exit_status == 0 && signal == 0; }
};

// Gives `was killed by signal 9 (SIGKILL)`, `exited with status 1`, `is gone`, or
// `was killed for memory: over its limit of 2.0 GB`.
std::string DescribeExit(const ProcessExit& exit);

// A program to be started: its words (the first is its file), what its environment has besides the
// daemon's own, and the file that its stdout and stderr are appended to.
struct Command {
  std::vector<std::string> words;
  std::map<std::string, std::string> environment = {};
  std::string log_path;
};

// Processes of whatever kind. Children get a session of their own (a Ctrl-C at the daemon's
// terminal is not theirs) and none of our descriptors but stdout and stderr. Others are watched
// too, by pidfd: a daemon that was restarted has workers that are not its children. Thread-safe.
class Processes {
 public:
  static std::unique_ptr<Processes> OfThisMachine();
  virtual ~Processes() = default;

  // Gives RESOURCE_EXHAUSTED if no descriptor is left: try again soon; UNAVAILABLE if it can't be
  // started.
  virtual absl::StatusOr<ProcessId> Start(const Command& command) = 0;

  // These are as Launcher's.
  virtual void Watch(const ProcessId& process, std::function<void(const ProcessExit&)> on_exit) = 0;
  virtual void End(const ProcessId& process) = 0;
};

// Gives the process's start time in clock ticks, or 0 if there is no such process. Any thread.
int64_t ProcessStartTicks(int64_t pid);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_LAUNCH_PROCESSES_H_
