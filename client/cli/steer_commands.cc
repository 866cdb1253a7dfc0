#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/context.h"
#include "client/cli/event_text.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/stalled.h"
#include "client/cpp/identity.h"
#include "client/cpp/numbers.h"
#include "proto/rpc_status.h"
#include "proto/rules/dial_path.h"
#include "proto/rules/reasons.h"

namespace descent::cli {
namespace {

struct SteerArguments {
  std::string job;
  std::vector<std::string> dials;
  std::optional<int64_t> at;
  double timeout = 60;
  std::string request_id;
};

// Reads `PATH=VALUE` or `PATH*=FACTOR`; gives the message of what is wrong, or nothing.
std::string ParseAssignment(const std::string& text, bool scale, v1::Command* command) {
  const size_t equals = text.find('=');
  const std::string wanted = scale ? "PATH=FACTOR" : "PATH=VALUE or PATH*=FACTOR";
  if (equals == std::string::npos) return absl::StrCat("`", text, "`: write ", wanted);
  std::string path = text.substr(0, equals);
  const std::string number = text.substr(equals + 1);
  if (absl::EndsWith(path, "*")) {
    path.pop_back();
    scale = true;
  }
  // `step_size+=0.1` and `step_size/=2` are no ways to say it.
  if (path.empty() || std::string_view("+-*/").find(path.back()) != std::string_view::npos) {
    return absl::StrCat("`", text, "`: write ", wanted);
  }
  double value = 0;
  const client::NumberError error = client::ParseDouble(number, &value);
  if (error == client::NumberError::kLeadingZero) {
    return absl::StrCat("`", text, "`: ", client::LeadingZero(number, /*octal=*/false));
  }
  if (error != client::NumberError::kNone) {
    return absl::StrCat("`", text, "`: `", number, "` is not a number");
  }
  if (scale) {
    command->mutable_scale()->set_path(path);
    command->mutable_scale()->set_factor(value);
  } else {
    command->mutable_set()->set_path(path);
    command->mutable_set()->set_value(value);
  }
  return "";
}

// Finds the event with this request's result (an evaluation, a checkpoint), which comes before the
// command's own.
absl::StatusOr<v1::Event> FindResult(const client::Client& client, const std::string& name,
                                     v1::EventKind kind, int64_t after, const v1::Event& applied) {
  const std::string& id = applied.command_applied().request_id();
  if (applied.revision() <= after) after = 0;  // an old request, asked again
  const auto watch = client.Watch({.name = name, .after_revision = after, .kinds = {kind}});
  v1::WatchJobResponse batch;
  while (watch->cursor() < applied.revision()) {
    const absl::StatusOr<bool> more = watch->Next(&batch);
    if (!more.ok()) return more.status();
    for (const v1::Event& event : batch.events()) {
      if ((event.has_evaluation() && event.evaluation().request_id() == id) ||
          (event.has_checkpoint_saved() && event.checkpoint_saved().request_id() == id)) {
        return event;
      }
    }
    if (!*more) break;
  }
  return absl::NotFoundError("the result is not in the journal");
}

// Gives the path of the dial that a command turns; empty if it turns none.
std::string DialPath(const v1::Command& command) {
  if (command.has_set()) return command.set().path();
  if (command.has_scale()) return command.scale().path();
  return command.release().path();
}

// Says of an unknown dial which one was meant, named by as much of its end as was given:
// `adam.step_size` for `adam.stp_size`.
std::string UnknownDial(const std::string& path, const std::vector<std::string>& dials) {
  if (dials.empty()) return absl::StrCat("`", path, "`: this job has no dials");
  const std::optional<size_t> nearest = rules::NearestDial(path, dials);
  const auto fields = static_cast<size_t>(std::count(path.begin(), path.end(), '.')) + 1;
  return absl::StrCat(
      "there is no dial `", path, "`",
      nearest ? absl::StrCat(" (did you mean `", rules::LastFields(dials[*nearest], fields), "`?)")
              : "",
      "; the job has ", absl::StrJoin(dials, ", "));
}

// Gives a refusal without the request's fields (`commands[0].set.path`), of which people know
// nothing; for an unknown dial with the one that was meant.
absl::Status ForPeople(const client::Client& client, const v1::CommandJobRequest& request,
                       const absl::Status& status) {
  const ErrorDetail detail = GetErrorDetail(status);
  std::vector<std::string> lines;
  for (const FieldViolation& violation : detail.violations) {
    if (!absl::StartsWith(violation.field, "commands[")) return status;
    const size_t index = static_cast<size_t>(std::atoi(violation.field.c_str() + 9));
    const std::string path = index < static_cast<size_t>(request.commands_size())
                                 ? DialPath(request.commands(static_cast<int>(index)))
                                 : "";
    std::string line = violation.description;
    if (!path.empty() && !absl::StrContains(line, path)) line = absl::StrCat(path, ": ", line);
    if (detail.reason == reason::kUnknownDial) {
      const auto job = client.GetJob(request.name());
      if (!job.ok()) return status;
      line = UnknownDial(path, {job->summary().dials().begin(), job->summary().dials().end()});
    }
    lines.push_back(line);
  }
  if (lines.empty()) return status;
  return absl::Status(status.code(), absl::StrJoin(lines, "\n"));
}

// Sends the commands as one request and tells what came of it.
int Steer(const Context& context, const SteerArguments& arguments,
          const std::vector<v1::Command>& commands) {
  v1::CommandJobRequest request;
  request.set_name(client::JobName(arguments.job));
  request.set_request_id(arguments.request_id.empty() ? client::DrawRequestId()
                                                      : arguments.request_id);
  for (const v1::Command& command : commands) *request.add_commands() = command;
  if (arguments.at.has_value()) request.set_at_iteration(*arguments.at);

  const client::Client client = context.Connect(
      arguments.timeout > 0 ? absl::Seconds(arguments.timeout) : absl::InfiniteDuration());
  const bool evaluate = commands.size() == 1 && commands[0].has_evaluate();
  const bool checkpoint = commands.size() == 1 && commands[0].has_checkpoint();
  int64_t before = 0;
  if (evaluate || checkpoint) {
    const auto job = client.GetJob(request.name());
    if (!job.ok()) return context.Fail(job.status());
    before = job->head_revision();
  }
  const auto command = [&] {
    const CommandWait wait(context, request);
    return client.Command(request);
  };
  const absl::StatusOr<v1::Event> event = command();
  if (!event.ok()) {
    if (absl::IsDeadlineExceeded(event.status())) {
      context.Say(absl::StrCat("no answer within ", arguments.timeout,
                               " s; if the request was received it will still be applied: ask "
                               "again with --request_id ",
                               request.request_id()));
      return kRefused;
    }
    return context.Fail(ForPeople(client, request, event.status()));
  }
  if (context.json) {
    context.io.out << Json(*event) << "\n";
    return kOk;
  }
  if (evaluate || checkpoint) {
    const auto result = FindResult(
        client, request.name(), evaluate ? v1::EVALUATION : v1::CHECKPOINT_SAVED, before, *event);
    if (result.ok()) {
      context.Print(EventText(*result));
      return kOk;
    }
  }
  context.Print(EventText(*event));
  return kOk;
}

void AddSteerOptions(CLI::App* command, Context* context, SteerArguments* arguments) {
  command->add_option("--at", arguments->at, "apply at this iteration, not as soon as possible")
      ->type_name("ITERATION")
      ->check(WholeNumber(0));
  command
      ->add_option("--timeout", arguments->timeout,
                   "seconds to wait for the acknowledgement (default 60; 0: for ever)")
      ->type_name("SECONDS")
      ->check(Seconds(/*or_zero=*/true));
  command
      ->add_option("--request_id", arguments->request_id,
                   "asking again with the same id gives the same answer; drawn if not given")
      ->type_name("ID");
  context->AddCommonOptions(command);
}

// Adds `set`, `scale` or `release`: a job and its dials.
CLI::App* AddDialCommand(CLI::App* app, Context* context, const std::string& name,
                         const std::string& description, const std::string& dials_name,
                         const std::string& dials_description, SteerArguments* arguments) {
  CLI::App* command = app->add_subcommand(name, description);
  command->add_option("JOB", arguments->job, "the job")->required()->type_name("");
  command->add_option(dials_name, arguments->dials, dials_description)->required()->type_name("");
  AddSteerOptions(command, context, arguments);
  return command;
}

void AddSetCommand(CLI::App* app, Context* context, bool scale) {
  const auto arguments = std::make_shared<SteerArguments>();
  CLI::App* command =
      scale
          ? AddDialCommand(app, context, "scale", "Multiply dials of a running job", "PATH=FACTOR",
                           "step_size=0.5: half of what it is now", arguments.get())
          : AddDialCommand(app, context, "set",
                           "Turn dials of a running job; several are turned together", "PATH=VALUE",
                           "step_size=0.01; or step_size*=0.5 to multiply; any unambiguous end "
                           "of the dial's path",
                           arguments.get());
  command->callback([=] {
    context->action = [=] {
      std::vector<v1::Command> commands;
      for (const std::string& text : arguments->dials) {
        const std::string error = ParseAssignment(text, scale, &commands.emplace_back());
        if (!error.empty()) return context->Usage(error);
      }
      return Steer(*context, *arguments, commands);
    };
  });
}

void AddReleaseCommand(CLI::App* app, Context* context) {
  const auto arguments = std::make_shared<SteerArguments>();
  AddDialCommand(app, context, "release", "Give dials back to their schedules", "PATH",
                 "step_size; any unambiguous end of the dial's path", arguments.get())
      ->callback([=] {
        context->action = [=] {
          std::vector<v1::Command> commands;
          for (const std::string& path : arguments->dials) {
            commands.emplace_back().mutable_release()->set_path(path);
          }
          return Steer(*context, *arguments, commands);
        };
      });
}

void AddPlainCommand(CLI::App* app, Context* context, const std::string& name,
                     const std::string& description, const v1::Command& what) {
  const auto arguments = std::make_shared<SteerArguments>();
  CLI::App* command = app->add_subcommand(name, description);
  command->add_option("JOB", arguments->job, "the job")->required()->type_name("");
  AddSteerOptions(command, context, arguments.get());
  command->callback([=] { context->action = [=] { return Steer(*context, *arguments, {what}); }; });
}

}  // namespace

void AddSteerCommands(CLI::App* app, Context* context) {
  AddSetCommand(app, context, /*scale=*/false);
  AddSetCommand(app, context, /*scale=*/true);
  AddReleaseCommand(app, context);
  v1::Command command;
  command.mutable_pause();
  AddPlainCommand(app, context, "pause", "Pause a job between two iterations", command);
  command.mutable_resume();
  AddPlainCommand(app, context, "resume", "Let a paused job go on", command);
  command.mutable_stop();
  AddPlainCommand(app, context, "stop", "End a job now, with a checkpoint", command);
  command.mutable_checkpoint();
  AddPlainCommand(app, context, "checkpoint", "Save a checkpoint now", command);
  command.mutable_evaluate();
  AddPlainCommand(app, context, "evaluate", "Evaluate on the test data now", command);
}

}  // namespace descent::cli
