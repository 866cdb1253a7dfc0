#include "server/worker/bridge/execution_spec.h"

#include <cstdint>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/device/device.h"
#include "proto/rules/reasons.h"

namespace descent::worker {
namespace {

constexpr int32_t kMaxThreads = 1024;

}  // namespace

void ResolveExecution(api::Spec* spec, Violations* violations) {
  api::Execution* execution = spec->mutable_execution();
  if (!execution->has_device()) execution->set_device("cpu");
  if (absl::StatusOr<at::Device> device = DeviceFromName(execution->device()); !device.ok()) {
    violations->Add("execution.device", std::string(device.status().message()),
                    reason::kUnsupported);
  } else {
    execution->set_device(device->str());
  }
  if (!execution->has_dtype()) execution->set_dtype(api::Execution::FLOAT32);
  switch (execution->dtype()) {
    case api::Execution::FLOAT32:
    case api::Execution::FLOAT64:
      break;
    case api::Execution::BFLOAT16:
      if (spec->has_system() || spec->objective().has_function()) {
        violations->Add(
            "execution.dtype",
            absl::StrCat("BFLOAT16 is for one model on data, not for a ",
                         spec->has_system() ? "system" : "function", "; give FLOAT32 or FLOAT64."),
            reason::kUnsupported);
      }
      break;
    default:
      violations->Add("execution.dtype", "It must be FLOAT32, FLOAT64 or BFLOAT16.",
                      reason::kOutOfRange);
  }
  if (!execution->has_threads()) execution->set_threads(1);
  CheckBounds("execution.threads", execution->threads(), 1, kMaxThreads, violations);
}

std::string ThreadsNote(const api::Execution& execution) {
  const int64_t processors = std::thread::hardware_concurrency();  // 0: unknown
  if (processors == 0 || execution.threads() <= processors) return "";
  return absl::StrCat("execution.threads is ", execution.threads(), ", but this machine has ",
                      processors, processors == 1 ? " processor" : " processors",
                      ": more threads than that wait for each other.");
}

at::Device ToDevice(const api::Execution& execution) {
  const absl::StatusOr<at::Device> device = DeviceFromName(execution.device());
  return device.ok() ? *device : at::Device(at::kCPU);
}

at::ScalarType ToDtype(const api::Execution& execution) {
  return execution.dtype() == api::Execution::FLOAT64 ? at::kDouble : at::kFloat;
}

at::ScalarType ToComputeDtype(const api::Execution& execution) {
  return execution.dtype() == api::Execution::BFLOAT16 ? at::kBFloat16 : ToDtype(execution);
}

}  // namespace descent::worker
