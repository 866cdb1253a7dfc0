#include "server/common/grpc_log.h"

#include <grpc/support/log.h>

#include <optional>
#include <string>

#include "server/common/clock.h"
#include "server/common/line_pace.h"
#include "server/common/log.h"

namespace descent::server {
namespace {

void Take(gpr_log_func_args* line) {
  static LinePace& pace = *new LinePace;  // lines may come while static objects are destroyed
  const std::optional<std::string> others = pace.Take(Clock::Real()->MonotonicNanos());
  if (!others) return;
  const Severity severity =
      line->severity == GPR_LOG_SEVERITY_ERROR ? Severity::kError : Severity::kInfo;
  Log(severity, {.source = "grpc"}, std::string(line->message) + *others);
}

}  // namespace

void TakeGrpcLog() { gpr_set_log_function(&Take); }

}  // namespace descent::server
