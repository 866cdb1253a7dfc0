#include "tests/benchmarks/cpu.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace descent::benchmarks {

CpuTime CpuTimeOf(pid_t pid) {
  CpuTime time;
  std::error_code error;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
    double nanos = 0;
    std::ifstream(task.path() / "schedstat") >> nanos;
    const bool is_main = task.path().filename() == std::to_string(pid);
    (is_main ? time.main_thread : time.other_threads) += nanos * 1e-9;
  }
  return time;
}

double ThreadCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace descent::benchmarks
