#include "server/daemon/metrics/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "server/daemon/metrics/family.h"

namespace descent::daemon {
namespace {

// Seconds since the epoch at which the machine started; 0 if unknown.
double BootTime() {
  std::ifstream file("/proc/stat");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("btime ", 0) == 0) return std::stod(line.substr(6));
  }
  return 0;
}

// The fields of /proc/self/stat from the third one (state) on: proc(5) counts from 1.
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::stringstream all;
  all << file.rdbuf();
  const std::string text = all.str();
  const size_t end_of_name = text.rfind(')');
  std::vector<std::string> fields;
  if (end_of_name == std::string::npos) return fields;
  std::istringstream rest(text.substr(end_of_name + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

int64_t OpenFiles() {
  std::error_code error;
  int64_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end;
       !error && entry != end; entry.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // without the one that lists them
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessFamilies() {
  std::vector<prometheus::MetricFamily> families;
  const std::vector<std::string> stat = StatFields();
  const auto field = [&](size_t number) { return std::stod(stat[number - 3]); };
  if (stat.size() > 24 - 3) {
    const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
    // Computed once: the boot time that the kernel reports moves with the wall clock.
    static const double start_time = BootTime() + field(22) / ticks;
    families.push_back(Sampled(
        Counter("process_cpu_seconds_total", "User and system processor time spent, in seconds."),
        (field(14) + field(15)) / ticks));
    families.push_back(Sampled(Gauge("process_threads", "Threads of the process."), field(20)));
    families.push_back(Sampled(
        Gauge("process_virtual_memory_bytes", "Size of the virtual memory, in bytes."), field(23)));
    families.push_back(
        Sampled(Gauge("process_resident_memory_bytes", "Size of the resident memory, in bytes."),
                field(24) * page));
    families.push_back(Sampled(
        Gauge("process_start_time_seconds", "Start of the process, in seconds since the epoch."),
        start_time));
  }
  families.push_back(Sampled(Gauge("process_open_fds", "Open file descriptors."),
                             static_cast<double>(OpenFiles())));
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.push_back(Sampled(Gauge("process_max_fds", "File descriptors allowed."),
                               static_cast<double>(limit.rlim_cur)));
  }
  return families;
}

}  // namespace descent::daemon
