// What the kernel says of a process.
#ifndef DESCENT_SERVER_COMMON_PROCESS_STAT_H_
#define DESCENT_SERVER_COMMON_PROCESS_STAT_H_

#include <cstdint>
#include <optional>

namespace descent::server {

// The parts that we read of /proc/PID/stat (proc(5)).
struct ProcessStat {
  char state = '?';       // R, S, D; Z: it has ended and its parent has not looked
  int64_t cpu_ticks = 0;  // user and system time; sysconf(_SC_CLK_TCK) a second, as all ticks
  int64_t threads = 0;
  int64_t start_ticks =
      0;  // since the machine's start; tells the process from a later one of the same pid
  int64_t virtual_bytes = 0;
  int64_t resident_bytes = 0;
};

// Gives nothing if there is no such process. Any thread.
std::optional<ProcessStat> ReadProcessStat(int64_t pid);

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_PROCESS_STAT_H_
