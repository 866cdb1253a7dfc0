#include "server/daemon/metrics/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

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

// What /proc/PID/stat says of a process; `pid`: a number, or `self`. proc(5) numbers the fields
// from 1, and the first two, of which one is a name with anything in it, are not kept.
class ProcessStat {
 public:
  explicit ProcessStat(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/stat");
    std::stringstream all;
    all << file.rdbuf();
    const std::string text = all.str();
    const size_t end_of_name = text.rfind(')');
    if (end_of_name == std::string::npos) return;
    std::istringstream rest(text.substr(end_of_name + 1));
    for (std::string field; rest >> field;) fields_.push_back(field);
  }

  bool known() const { return fields_.size() > 24 - 3; }  // it is there
  double cpu_seconds() const { return (field(14) + field(15)) / ticks(); }
  double threads() const { return field(20); }
  double start_ticks() const { return field(22); }
  double start_seconds() const { return field(22) / ticks(); }  // after the machine's
  double virtual_bytes() const { return field(23); }
  double resident_bytes() const { return field(24) * static_cast<double>(sysconf(_SC_PAGESIZE)); }

 private:
  static double ticks() { return static_cast<double>(sysconf(_SC_CLK_TCK)); }
  double field(size_t number) const { return std::stod(fields_[number - 3]); }

  std::vector<std::string> fields_;
};

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
  const ProcessStat self("self");
  if (self.known()) {
    // Computed once: the boot time that the kernel reports moves with the wall clock.
    static const double start_time = BootTime() + self.start_seconds();
    families.push_back(Sampled(
        Counter("process_cpu_seconds_total", "User and system processor time spent, in seconds."),
        self.cpu_seconds()));
    families.push_back(
        Sampled(Gauge("process_threads", "Threads of the process."), self.threads()));
    families.push_back(
        Sampled(Gauge("process_virtual_memory_bytes", "Size of the virtual memory, in bytes."),
                self.virtual_bytes()));
    families.push_back(
        Sampled(Gauge("process_resident_memory_bytes", "Size of the resident memory, in bytes."),
                self.resident_bytes()));
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

std::vector<prometheus::MetricFamily> WorkerFamilies(
    const std::vector<Jobs::WorkerProcess>& workers) {
  auto cpu = Counter("descent_worker_cpu_seconds_total",
                     "User and system processor time that a worker has spent, in seconds.");
  auto memory = Gauge("descent_worker_resident_memory_bytes",
                      "Size of a worker's resident memory, in bytes.");
  auto threads = Gauge("descent_worker_threads", "Threads of a worker.");
  for (const Jobs::WorkerProcess& worker : workers) {
    const ProcessStat stat(std::to_string(worker.pid));
    // Gone, and perhaps another one's number now; or on another machine.
    if (!stat.known() || stat.start_ticks() != static_cast<double>(worker.start_ticks)) continue;
    const Labels labels = {{"worker", worker.id}, {"job_name", worker.job}};
    AddSample(cpu, stat.cpu_seconds(), labels);
    AddSample(memory, stat.resident_bytes(), labels);
    AddSample(threads, stat.threads(), labels);
  }
  if (cpu.metric.empty()) return {};
  return {std::move(cpu), std::move(memory), std::move(threads)};
}

}  // namespace descent::daemon
