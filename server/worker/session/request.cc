#include "server/worker/session/request.h"

#include <cmath>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/text/utf8.h"
#include "proto/rules/dial_path.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/representable.h"

namespace descent::worker {
namespace {

namespace api = ::descent::v1;

constexpr int kInvalidArgument = 3;  // google.rpc.Code

std::string Sentence(const absl::Status& status) {
  std::string text(status.message());
  if (!text.empty() && text.back() != '.') text.push_back('.');
  return text;
}

// Refuses a path that means none of the dials, or several of them.
Refusal NotOneDial(const std::string& path, const std::vector<std::string>& dials,
                   const std::vector<size_t>& matches, std::string field) {
  const std::string all = absl::StrJoin(dials, ", ");
  if (path.empty()) {
    return {kInvalidArgument, absl::StrCat("Give the path of a dial: ", all, "."),
            reason::kMissingField, std::move(field)};
  }
  const std::string given = ShortUtf8(path, 200);
  if (!matches.empty()) {
    std::vector<std::string> names;
    for (const size_t match : matches) names.push_back(dials[match]);
    return {kInvalidArgument,
            absl::StrCat("`", given, "` fits several dials: ", absl::StrJoin(names, ", "),
                         ". Give more of the path."),
            reason::kAmbiguousDial, std::move(field)};
  }
  if (dials.empty()) {
    return {kInvalidArgument, "This job has no dials.", reason::kUnknownDial, std::move(field)};
  }
  const std::optional<size_t> nearest = rules::NearestDial(path, dials);
  return {kInvalidArgument,
          absl::StrCat("There is no dial `", given, "`. ",
                       nearest ? absl::StrCat("Did you mean `", dials[*nearest], "`? ") : "",
                       "The dials are ", all, "."),
          reason::kUnknownDial, std::move(field)};
}

class Applier {
 public:
  Applier(DialBoard* dials, bool paused, std::optional<api::Execution::Dtype> dtype)
      : dials_(dials), dtype_(dtype) {
    effect_.paused = paused;
  }

  std::optional<Refusal> Apply(const api::Command& command, const std::string& field) {
    switch (command.kind_case()) {
      case api::Command::kSet:
        return Turn("set", field, command.set().path(), "value",
                    command.set().has_value() ? std::optional(command.set().value()) : std::nullopt,
                    [this](size_t dial, double value) { return dials_->Set(dial, value); });
      case api::Command::kScale:
        return Turn(
            "scale", field, command.scale().path(), "factor",
            command.scale().has_factor() ? std::optional(command.scale().factor()) : std::nullopt,
            [this](size_t dial, double factor) { return dials_->Scale(dial, factor); });
      case api::Command::kRelease:
        return Turn("release", field, command.release().path(), "", 0.0,
                    [this](size_t dial, double) -> absl::StatusOr<DialBoard::Turn> {
                      return dials_->Release(dial);
                    });
      case api::Command::kPause:
        effect_.paused = true;
        return Named("pause");
      case api::Command::kResume:
        effect_.paused = false;
        return Named("resume");
      case api::Command::kStop:
        effect_.stop = true;
        return Named("stop");
      case api::Command::kCheckpoint:
        ++effect_.checkpoint;
        return Named("checkpoint");
      case api::Command::kEvaluate:
        ++effect_.evaluate;
        return Named("evaluate");
      case api::Command::KIND_NOT_SET:
        break;
    }
    return Refusal{kInvalidArgument, "The command is missing, or unknown to this worker.",
                   reason::kUnknownCommand, field};
  }

  Effect Take() { return std::move(effect_); }

 private:
  std::optional<Refusal> Named(const char* name) {
    effect_.commands.push_back(name);
    return std::nullopt;
  }

  template <typename Act>
  std::optional<Refusal> Turn(const char* name, const std::string& field, const std::string& path,
                              const char* number_name, std::optional<double> number, Act act) {
    const std::string inner = absl::StrCat(field, ".", name);
    const std::vector<std::string>& paths = dials_->paths();
    const std::vector<size_t> dials = rules::MatchDials(path, paths);
    if (dials.size() != 1) return NotOneDial(path, paths, dials, absl::StrCat(inner, ".path"));
    const size_t dial = dials[0];
    const std::string number_field = absl::StrCat(inner, ".", number_name);
    if (!number) {
      return Refusal{kInvalidArgument, absl::StrCat("Give the ", number_name, "."),
                     reason::kMissingField, number_field};
    }
    if (!std::isfinite(*number)) {
      return Refusal{kInvalidArgument,
                     absl::StrCat("The ", number_name, " of ", paths[dial], " is ", *number,
                                  ", but must be a finite number."),
                     reason::kOutOfRange, number_field};
    }
    const absl::StatusOr<DialBoard::Turn> turn = act(dial, *number);
    if (!turn.ok()) {
      return Refusal{kInvalidArgument, Sentence(turn.status()), reason::kOutOfRange, number_field};
    }
    if (dtype_) {
      if (std::optional<std::string> sentence = TooLarge(turn->new_value, *dtype_)) {
        return Refusal{kInvalidArgument, *std::move(sentence), reason::kOutOfRange, number_field};
      }
    }
    api::Change& change = effect_.changes.emplace_back();
    change.set_path(paths[dial]);
    change.set_old_value(turn->old_value);
    change.set_new_value(turn->new_value);
    change.set_released(effect_.commands.emplace_back(name) == "release");
    return std::nullopt;
  }

  DialBoard* const dials_;
  const std::optional<api::Execution::Dtype> dtype_;
  Effect effect_;
};

}  // namespace

std::variant<Effect, Refusal> ApplyCommands(const api::CommandAccepted& request, bool paused,
                                            std::optional<api::Execution::Dtype> dtype,
                                            DialBoard* dials) {
  if (request.commands().empty()) {
    return Refusal{kInvalidArgument, "Give at least one command.", reason::kMissingField,
                   "commands"};
  }
  const DialBoard::States before = dials->Save();
  Applier applier(dials, paused, dtype);
  for (int i = 0; i < request.commands_size(); ++i) {
    std::optional<Refusal> refusal =
        applier.Apply(request.commands(i), absl::StrCat("commands[", i, "]"));
    if (!refusal) continue;
    dials->Restore(before);
    return *std::move(refusal);
  }
  return applier.Take();
}

}  // namespace descent::worker
