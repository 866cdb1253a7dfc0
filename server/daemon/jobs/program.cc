#include "server/daemon/jobs/program.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/rpc_status.h"
#include "proto/rules/dial_path.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

constexpr int kMostNames = 1000;
constexpr size_t kLongestName = 200;
constexpr int64_t kDefaultKeep = 3;
constexpr int64_t kDefaultRetention = int64_t{1} << 30;

bool IsWord(const std::string& word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-';
  });
}

bool IsPath(const std::string& name) {
  const std::vector<std::string> words = absl::StrSplit(name, '.');
  return name.size() <= kLongestName && std::all_of(words.begin(), words.end(), IsWord);
}

// Refuses fields that describe models of known layers, which say nothing of a program.
absl::Status CheckFields(const v1::Spec& spec) {
  static const std::set<std::string> kMayBeGiven = {"program", "iterations", "seed", "checkpoints",
                                                    "retention"};
  std::vector<const google::protobuf::FieldDescriptor*> given;
  v1::Spec::GetReflection()->ListFields(spec, &given);
  for (const google::protobuf::FieldDescriptor* field : given) {
    if (kMayBeGiven.count(field->name()) > 0) continue;
    return InvalidField(field->name(),
                        "does not go with program, whose loop is its own: leave it out",
                        reason::kConflict);
  }
  if (spec.has_iterations() && spec.iterations() < 1) {
    return InvalidField("iterations", "must be at least 1", reason::kOutOfRange);
  }
  if (spec.checkpoints().has_keep() && spec.checkpoints().keep() < 1) {
    return InvalidField("checkpoints.keep", "must be at least 1", reason::kOutOfRange);
  }
  return absl::OkStatus();
}

absl::Status CheckName(const std::string& field, const std::string& name,
                       std::set<std::string>* names) {
  if (name.empty()) return InvalidField(field, "must be given", reason::kMissingField);
  if (!IsPath(name)) {
    return InvalidField(field,
                        "must be words of letters, digits, _ and -, joined by dots, of at most 200 "
                        "characters in all",
                        reason::kInvalidName);
  }
  if (!names->insert(name).second) {
    return InvalidField(field, absl::StrCat("\"", name, "\" is there twice"),
                        reason::kDuplicateName);
  }
  return absl::OkStatus();
}

absl::Status CheckDial(const std::string& field, const v1::ProgramDial& dial) {
  const std::vector<std::string> words = absl::StrSplit(dial.name(), '.');
  if (rules::IsStepSizeAlias(words.back())) {
    return InvalidField(field + ".name", "call it step_size: in a command both mean the same",
                        reason::kInvalidName);
  }
  for (const auto& [name, value] : {std::pair{"initial", dial.initial()},
                                    {"min", dial.min()},
                                    {"max", dial.max()},
                                    {"step", dial.step()}}) {
    if (!std::isfinite(value)) {
      return InvalidField(absl::StrCat(field, ".", name), "must be a finite number",
                          reason::kOutOfRange);
    }
  }
  if (dial.has_step() && dial.step() <= 0) {
    return InvalidField(field + ".step", "must be greater than 0", reason::kOutOfRange);
  }
  if (dial.has_min() && dial.has_max() && dial.min() > dial.max()) {
    return InvalidField(field + ".max", "must not be less than min", reason::kOutOfRange);
  }
  if (dial.has_initial() && ((dial.has_min() && dial.initial() < dial.min()) ||
                             (dial.has_max() && dial.initial() > dial.max()))) {
    return InvalidField(field + ".initial", "must lie between min and max", reason::kOutOfRange);
  }
  return absl::OkStatus();
}

absl::Status CheckProgram(const v1::Program& program) {
  if (program.dials_size() > kMostNames) {
    return InvalidField("program.dials", absl::StrCat("must be at most ", kMostNames),
                        reason::kTooLarge);
  }
  if (program.series_size() > kMostNames) {
    return InvalidField("program.series", absl::StrCat("must be at most ", kMostNames),
                        reason::kTooLarge);
  }
  // Dials are told among the series.
  std::set<std::string> names;
  for (int i = 0; i < program.dials_size(); ++i) {
    const std::string field = absl::StrCat("program.dials[", i, "]");
    absl::Status status = CheckName(field + ".name", program.dials(i).name(), &names);
    if (status.ok()) status = CheckDial(field, program.dials(i));
    if (!status.ok()) return status;
  }
  for (int i = 0; i < program.series_size(); ++i) {
    if (absl::Status status =
            CheckName(absl::StrCat("program.series[", i, "]"), program.series(i), &names);
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

std::string RangeOf(const v1::ProgramDial& dial) {
  if (dial.has_min() && dial.has_max()) {
    return absl::StrCat("between ", dial.min(), " and ", dial.max());
  }
  return dial.has_min() ? absl::StrCat("at least ", dial.min())
                        : absl::StrCat("at most ", dial.max());
}

}  // namespace

absl::StatusOr<worker::v1::Valid> ResolveProgram(const v1::Spec& spec) {
  if (absl::Status status = CheckFields(spec); !status.ok()) return status;
  if (absl::Status status = CheckProgram(spec.program()); !status.ok()) return status;
  worker::v1::Valid valid;
  v1::Spec& resolved = *valid.mutable_spec();
  resolved = spec;
  if (!spec.checkpoints().has_keep()) resolved.mutable_checkpoints()->set_keep(kDefaultKeep);
  if (!spec.retention().has_max_bytes()) {
    resolved.mutable_retention()->set_max_bytes(kDefaultRetention);
  }
  v1::SpecSummary& summary = *valid.mutable_summary();
  summary.set_iterations(spec.iterations());
  for (const v1::ProgramDial& dial : spec.program().dials()) {
    summary.add_dials(dial.name());
    if (dial.name() == rules::kStepSize) summary.add_step_sizes(dial.name());
  }
  *summary.mutable_series() = spec.program().series();
  return valid;
}

absl::Status CheckRanges(const v1::CommandJobRequest& request, const v1::Job& job) {
  const v1::Program& program = job.spec().program();
  std::vector<std::string> names;
  for (const v1::ProgramDial& dial : program.dials()) names.push_back(dial.name());
  for (int i = 0; i < request.commands_size(); ++i) {
    if (!request.commands(i).has_set()) continue;
    const v1::Command::Set& set = request.commands(i).set();
    const std::vector<size_t> matches = rules::MatchDials(set.path(), names);
    if (matches.empty()) continue;
    const v1::ProgramDial& dial = program.dials(static_cast<int>(matches.front()));
    if ((dial.has_min() && set.value() < dial.min()) ||
        (dial.has_max() && set.value() > dial.max())) {
      return InvalidField(absl::StrCat("commands[", i, "].set.value"),
                          absl::StrCat(dial.name(), " must be ", RangeOf(dial)),
                          reason::kOutOfRange);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCapabilities(const v1::CommandAccepted& request,
                               const worker::v1::Capabilities& capabilities) {
  for (const v1::Command& command : request.commands()) {
    if (command.has_checkpoint() && !capabilities.checkpoint()) {
      return MakeError(absl::StatusCode::kFailedPrecondition,
                       "The job's program saves no checkpoints", reason::kUnsupported);
    }
    if (command.has_evaluate() && !capabilities.evaluate()) {
      return MakeError(absl::StatusCode::kFailedPrecondition,
                       "The job's program can't evaluate on request", reason::kUnsupported);
    }
  }
  return absl::OkStatus();
}

}  // namespace descent::daemon
