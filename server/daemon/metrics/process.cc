#include "server/daemon/metrics/process.h"

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "server/common/process_stat.h"
#include "server/daemon/metrics/family.h"
#include "server/daemon/sockets/descriptors.h"

namespace descent::daemon {
namespace {

// Gives the seconds since the epoch at which the machine started; 0 if unknown.
double BootTime() {
  std::ifstream file("/proc/stat");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("btime ", 0) == 0) return std::stod(line.substr(6));
  }
  return 0;
}

double Seconds(int64_t ticks) {
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
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
  if (const auto self = server::ReadProcessStat(getpid())) {
    // Computed once: the boot time that the kernel reports moves with the wall clock.
    static const double start_time = BootTime() + Seconds(self->start_ticks);
    families.push_back(Sampled(
        Counter("process_cpu_seconds_total", "User and system processor time spent, in seconds."),
        Seconds(self->cpu_ticks)));
    families.push_back(Sampled(Gauge("process_threads", "Threads of the process."),
                               static_cast<double>(self->threads)));
    families.push_back(
        Sampled(Gauge("process_virtual_memory_bytes", "Size of the virtual memory, in bytes."),
                static_cast<double>(self->virtual_bytes)));
    families.push_back(
        Sampled(Gauge("process_resident_memory_bytes", "Size of the resident memory, in bytes."),
                static_cast<double>(self->resident_bytes)));
    families.push_back(Sampled(
        Gauge("process_start_time_seconds", "Start of the process, in seconds since the epoch."),
        start_time));
  }
  families.push_back(Sampled(Gauge("process_open_fds", "Open file descriptors."),
                             static_cast<double>(OpenFiles())));
  families.push_back(Sampled(Gauge("process_max_fds", "File descriptors allowed."),
                             static_cast<double>(DescriptorLimit())));
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
    const auto stat = server::ReadProcessStat(worker.pid);
    // The worker is gone, and its number perhaps another process's now; or it is on another
    // machine.
    if (!stat || stat->start_ticks != worker.start_ticks) continue;
    const Labels labels = {{"worker", worker.id}, {"job_name", worker.job}};
    AddSample(cpu, Seconds(stat->cpu_ticks), labels);
    AddSample(memory, static_cast<double>(stat->resident_bytes), labels);
    AddSample(threads, static_cast<double>(stat->threads), labels);
  }
  if (cpu.metric.empty()) return {};
  return {std::move(cpu), std::move(memory), std::move(threads)};
}

}  // namespace descent::daemon
