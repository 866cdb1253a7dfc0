#include "server/daemon/jobs/dials.h"

#include <cmath>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "proto/rpc_status.h"

namespace descent::daemon {
namespace {

std::string WithoutAlias(const std::string& path) {
  const size_t name = path.rfind('.') + 1;  // npos + 1 = 0
  const std::string last = path.substr(name);
  if (last != "lr" && last != "learning_rate") return path;
  return path.substr(0, name) + "step_size";
}

// Whether the sought fields are among those of the dial, in their order, the last one last.
bool LeavesFieldsOut(const std::string& dial, const std::string& sought) {
  const std::vector<std::string> all = absl::StrSplit(dial, '.');
  const std::vector<std::string> some = absl::StrSplit(sought, '.');
  if (some.size() < 2 || some.back() != all.back()) return false;
  size_t found = 0;
  for (const std::string& field : all) {
    if (found < some.size() && field == some[found]) ++found;
  }
  return found == some.size();
}

// Empty without an optimizer.
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

std::vector<std::string> MatchDials(const std::string& path, const v1::SpecSummary& summary) {
  const std::string sought = WithoutAlias(path);
  std::vector<std::string> matches;
  if (sought.empty()) return matches;
  for (const std::string& dial : summary.dials()) {
    if (dial == sought) return {dial};
    if (absl::EndsWith(dial, "." + sought)) matches.push_back(dial);
  }
  if (!matches.empty()) return matches;
  for (const std::string& dial : summary.dials()) {
    if (LeavesFieldsOut(dial, sought)) matches.push_back(dial);
  }
  return matches;
}

absl::Status CheckDials(const v1::CommandJobRequest& request, const v1::SpecSummary& summary) {
  for (int i = 0; i < request.commands_size(); ++i) {
    const v1::Command& command = request.commands(i);
    std::string path;
    std::string kind;
    if (command.has_set()) {
      path = command.set().path();
      kind = "set";
      if (!std::isfinite(command.set().value())) {
        return InvalidField(absl::StrCat("commands[", i, "].set.value"), "must be a finite number",
                            "OUT_OF_RANGE");
      }
    } else if (command.has_scale()) {
      path = command.scale().path();
      kind = "scale";
      if (!std::isfinite(command.scale().factor())) {
        return InvalidField(absl::StrCat("commands[", i, "].scale.factor"),
                            "must be a finite number", "OUT_OF_RANGE");
      }
    } else if (command.has_release()) {
      path = command.release().path();
      kind = "release";
    } else {
      continue;
    }
    const std::string field = absl::StrCat("commands[", i, "].", kind, ".path");
    const std::vector<std::string> matches = MatchDials(path, summary);
    if (matches.size() == 1) continue;
    if (matches.empty()) {
      return InvalidField(field,
                          absl::StrCat("\"", path, "\" is no dial of this job; there ",
                                       summary.dials_size() == 1 ? "is " : "are ",
                                       absl::StrJoin(summary.dials(), ", ")),
                          "UNKNOWN_DIAL");
    }
    return InvalidField(field,
                        absl::StrCat("\"", path, "\" may mean ", absl::StrJoin(matches, " or "),
                                     "; write more of the path"),
                        "AMBIGUOUS_DIAL");
  }
  return absl::OkStatus();
}

}  // namespace descent::daemon
