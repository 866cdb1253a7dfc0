#include "server/daemon/jobs/origin.h"

#include <google/protobuf/descriptor.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rules/names.h"
#include "proto/rules/trace_context.h"
#include "server/common/log.h"

namespace descent::daemon {
namespace {

// Gives the names of the commands, in order: `set, pause`.
std::string NamesOf(const v1::CommandAccepted& accepted) {
  std::vector<std::string> names;
  for (const v1::Command& command : accepted.commands()) {
    const auto* kind = v1::Command::descriptor()->FindFieldByNumber(command.kind_case());
    names.push_back(kind == nullptr ? "?" : kind->name());
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace

void LogRequest(const std::string& job_id, const v1::Event& event) {
  const std::string job = rules::JobName(job_id);
  server::LogAbout about{.job = job, .attempt = event.attempt(), .revision = event.revision()};
  if (event.has_command_accepted()) {
    const v1::CommandAccepted& accepted = event.command_accepted();
    about.request_id = accepted.request_id();
    about.principal = accepted.principal();
    about.trace = rules::TraceIdOf(accepted.trace().parent());
    server::LogInfo(about, absl::StrCat("accepted: ", NamesOf(accepted)));
  } else if (event.has_command_applied()) {
    const v1::CommandApplied& applied = event.command_applied();
    about.request_id = applied.request_id();
    about.principal = applied.principal();
    server::LogInfo(about, absl::StrCat("applied at iteration ", applied.iteration(), ": ",
                                        absl::StrJoin(applied.commands(), ", ")));
  } else if (event.has_command_rejected()) {
    const v1::CommandRejected& rejected = event.command_rejected();
    about.request_id = rejected.request_id();
    about.principal = rejected.principal();
    server::LogInfo(about, absl::StrCat("rejected: ", rejected.message()));
  }
}

}  // namespace descent::daemon
