#include "server/worker/session/worker_info.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace descent::worker {
namespace {

constexpr char kVersion[] = "0.1.0";

// Field 22 of /proc/self/stat. The second field, the program's name in parentheses, may hold
// spaces.
int64_t StartTicks() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  int64_t ticks = 0;
  fields >> ticks;
  return ticks;
}

}  // namespace

::descent::v1::WorkerInfo ThisWorker() {
  ::descent::v1::WorkerInfo info;
  info.set_build(std::string("descent ") + kVersion + ", LibTorch " + TORCH_VERSION);
  info.set_device("cpu");
  info.set_cpu_capability(at::get_cpu_capability());
  info.set_threads(at::get_num_threads());
  char host[256] = "";
  if (gethostname(host, sizeof(host) - 1) == 0) info.set_host(host);
  info.set_pid(getpid());
  info.set_process_start_ticks(StartTicks());
  return info;
}

}  // namespace descent::worker
