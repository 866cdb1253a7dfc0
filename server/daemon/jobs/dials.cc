#include "server/daemon/jobs/dials.h"

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rpc_status.h"
#include "proto/rules/dial_path.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

// Gives an empty name without an optimizer.
std::string StepSizeOf(const v1::Optimizer& optimizer) {
  const google::protobuf::FieldDescriptor* kind =
      v1::Optimizer::GetReflection()->GetOneofFieldDescriptor(
          optimizer, v1::Optimizer::GetDescriptor()->FindOneofByName("kind"));
  return kind == nullptr ? "" : absl::StrCat("optimizer.", kind->name(), ".step_size");
}

}  // namespace

void FindStepSizes(const v1::Spec& spec, v1::SpecSummary* summary) {
  if (!summary->step_sizes().empty()) return;
  const std::set<std::string> dials(summary->dials().begin(), summary->dials().end());
  const auto add = [&](std::string path) {
    if (dials.contains(path)) summary->add_step_sizes(std::move(path));
  };
  for (const v1::Player& player : spec.system().players()) {
    add(absl::StrCat(player.name(), ".", StepSizeOf(player.optimizer())));
  }
  if (!spec.has_system()) add(StepSizeOf(spec.optimizer()));
}

absl::Status CheckDials(const v1::CommandJobRequest& request, const v1::SpecSummary& summary) {
  const std::vector<std::string> dials(summary.dials().begin(), summary.dials().end());
  for (int i = 0; i < request.commands_size(); ++i) {
    const v1::Command& command = request.commands(i);
    std::string path;
    std::string kind;
    if (command.has_set()) {
      path = command.set().path();
      kind = "set";
      if (!std::isfinite(command.set().value())) {
        return InvalidField(absl::StrCat("commands[", i, "].set.value"), "must be a finite number",
                            reason::kOutOfRange);
      }
    } else if (command.has_scale()) {
      path = command.scale().path();
      kind = "scale";
      if (!std::isfinite(command.scale().factor())) {
        return InvalidField(absl::StrCat("commands[", i, "].scale.factor"),
                            "must be a finite number", reason::kOutOfRange);
      }
    } else if (command.has_release()) {
      path = command.release().path();
      kind = "release";
    } else {
      continue;
    }
    const std::string field = absl::StrCat("commands[", i, "].", kind, ".path");
    const std::vector<size_t> matches = rules::MatchDials(path, dials);
    if (matches.size() == 1) continue;
    if (matches.empty()) {
      return InvalidField(
          field,
          dials.empty()
              ? absl::StrCat("\"", path, "\" is no dial of this job, which has none")
              : absl::StrCat("\"", path, "\" is no dial of this job; there ",
                             dials.size() == 1 ? "is " : "are ", absl::StrJoin(dials, ", ")),
          reason::kUnknownDial);
    }
    std::vector<std::string> names;
    for (const size_t match : matches) names.push_back(dials[match]);
    return InvalidField(field,
                        absl::StrCat("\"", path, "\" may mean ", absl::StrJoin(names, " or "),
                                     "; write more of the path"),
                        reason::kAmbiguousDial);
  }
  return absl::OkStatus();
}

}  // namespace descent::daemon
