#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/follow.h"
#include "client/cpp/identity.h"
#include "proto/rules/nearest.h"

namespace descent::cli {
namespace {

struct WatchArguments {
  std::string job;
  int64_t from = -1;
  bool fresh = false;
  std::vector<std::string> kinds;
  int64_t every = 0;
};

// Adds the kinds that a comma-separated list names; gives the message of what is wrong, or nothing.
std::string ParseKinds(const std::string& list, std::vector<v1::EventKind>* kinds) {
  std::vector<std::string> names;
  for (int kind = v1::EventKind_MIN; kind <= v1::EventKind_MAX; ++kind) {
    if (kind != 0 && v1::EventKind_IsValid(kind)) {
      names.push_back(absl::AsciiStrToLower(v1::EventKind_Name(static_cast<v1::EventKind>(kind))));
    }
  }
  for (const absl::string_view part : absl::StrSplit(list, ',', absl::SkipWhitespace())) {
    const std::string name(absl::StripAsciiWhitespace(part));
    v1::EventKind kind = v1::EVENT_KIND_UNSPECIFIED;
    if (!v1::EventKind_Parse(absl::AsciiStrToUpper(name), &kind) ||
        kind == v1::EVENT_KIND_UNSPECIFIED) {
      return absl::StrCat("--kinds: `", name, "` is no kind of event",
                          rules::DidYouMean(name, names), "; there are ",
                          absl::StrJoin(names, ", "));
    }
    kinds->push_back(kind);
  }
  return "";
}

int Watch(const Context& context, const WatchArguments& arguments) {
  FollowOptions options;
  for (const std::string& list : arguments.kinds) {
    const std::string error = ParseKinds(list, &options.kinds);
    if (!error.empty()) return context.Usage(error);
  }
  const client::Client client = context.Connect();
  absl::StatusOr<v1::Job> job = client.GetJob(client::JobName(arguments.job));
  if (!job.ok()) return context.Fail(job.status());
  options.after_revision = arguments.from;
  if (arguments.from < 0) {
    options.after_revision = arguments.fresh ? job->head_revision() : 0;
    options.skip_old_iterations = context.io.terminal && !context.json && !arguments.fresh;
  }
  options.every = arguments.every;
  options.job = *std::move(job);
  if (const int code = Follow(context, client, options); code != kOk) return code;
  // The watch was seen to its end. What it shows may leave the end's state out.
  job = client.GetJob(client::JobName(arguments.job));
  return job.ok() && job->state() == v1::FAILED ? kRefused : kOk;
}

}  // namespace

void AddWatchCommand(CLI::App* app, Context* context) {
  CLI::App* command = app->add_subcommand(
      "watch", "Show a job's events as they happen, each iteration too; exit 1 if it failed");
  const auto arguments = std::make_shared<WatchArguments>();
  command->add_option("JOB", arguments->job, "the job")->required()->type_name("");
  CLI::Option* from = command->add_option("--from", arguments->from,
                                          "begin after this revision (default 0: the start)");
  from->type_name("REVISION")->check(WholeNumber(0));
  command->add_flag("--new", arguments->fresh, "only what happens from now on")->excludes(from);
  command
      ->add_option("--kinds", arguments->kinds,
                   "only these, separated by commas: iteration, evaluation, command_applied, "
                   "state_changed, ...")
      ->type_name("KINDS")
      ->allow_extra_args(false)
      ->take_all();
  command->add_option("--every", arguments->every, "only every N-th iteration")
      ->type_name("N")
      ->check(WholeNumber(1));
  context->AddCommonOptions(command);
  command->callback([=] { context->action = [=] { return Watch(*context, *arguments); }; });
}

}  // namespace descent::cli
