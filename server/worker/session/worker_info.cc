#include "server/worker/session/worker_info.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "deploy/version.h"
#include "server/common/process_stat.h"

namespace descent::worker {

void UseOneThread() {
  at::set_num_interop_threads(1);
  at::set_num_threads(1);
}

::descent::v1::WorkerInfo ThisWorker() {
  ::descent::v1::WorkerInfo info;
  info.set_build(absl::StrCat("descent ", kVersion, ", LibTorch ", TORCH_VERSION));
  info.set_device("cpu");
  info.set_cpu_capability(at::get_cpu_capability());
  info.set_threads(at::get_num_threads());
  char host[256] = "";
  if (gethostname(host, sizeof(host) - 1) == 0) info.set_host(host);
  info.set_pid(getpid());
  const auto stat = server::ReadProcessStat(getpid());
  info.set_process_start_ticks(stat ? stat->start_ticks : 0);
  return info;
}

}  // namespace descent::worker
