#include "client/cli/app.h"

#include <algorithm>
#include <exception>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/help.h"
#include "deploy/version.h"
#include "proto/rules/nearest.h"

namespace descent::cli {
namespace {

// Help is no wider than this, whatever the terminal is.
constexpr size_t kHelpColumns = 80;

std::string Footer(size_t columns) {
  Table table;
  table.Add({"Start with:", Whole("descent example fashion_mnist_mlp > spec.yaml")});
  table.Add({"", Whole("descent submit spec.yaml --follow")});
  table.Add({"", Whole("descent set JOB 'step_size*=0.5'")});
  return absl::StrCat(
      table.Render(columns),
      Wrap("Exit status: 0 done, 1 refused (or the job did not succeed), 2 usage, 3 no server "
           "answers.",
           columns, 0));
}

// Gives the subcommand that was asked for, as far as one was recognized, for "Try ...".
std::string Asked(const CLI::App& app) {
  const std::vector<CLI::App*> asked = app.get_subcommands();
  return asked.empty() ? "" : absl::StrCat(" ", asked[0]->get_name());
}

bool HasOption(const CLI::App& app, const std::string& name) {
  if (app.get_option_no_throw(name) != nullptr) return true;
  const std::vector<const CLI::App*> commands = app.get_subcommands({});
  return std::any_of(commands.begin(), commands.end(), [&](const CLI::App* command) {
    return command->get_option_no_throw(name) != nullptr;
  });
}

// Makes `--job-id` `--job_id`: people write both, and all options here are of one spelling.
std::vector<std::string> WithUnderscores(const CLI::App& app, std::vector<std::string> arguments) {
  for (std::string& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--")) continue;
    const size_t end = std::min(argument.find('='), argument.size());
    std::string name = argument.substr(0, end);
    std::replace(name.begin() + 2, name.end(), '-', '_');
    if (HasOption(app, name)) argument.replace(0, end, name);
  }
  return arguments;
}

// Makes `descent help COMMAND` `descent COMMAND --help`.
std::vector<std::string> WithHelpOption(std::vector<std::string> arguments) {
  if (arguments.empty() || arguments[0] != "help") return arguments;
  arguments.erase(arguments.begin());
  arguments.emplace_back("--help");
  return arguments;
}

bool AsksTheServer(const CLI::App& app) {
  const std::vector<CLI::App*> asked = app.get_subcommands();
  return !asked.empty() && asked[0]->get_option_no_throw("--server") != nullptr;
}

// True if its text is a name of a file on this machine, which may be of any bytes.
bool NamesAFile(const CLI::Option& option) {
  const std::string name = option.get_name();
  return name == "SPEC" || name == "PATH" || option.check_lname("output");
}

// Says what there is to say of the first word that the subcommand could not place.
std::string ExtraMessage(const CLI::App& command) {
  const std::vector<std::string> extras = command.remaining(/*recurse=*/true);
  if (extras.empty()) return "";
  const std::string& extra = extras.front();
  if (extra.size() < 2 || extra[0] != '-') {
    return absl::StrCat("`", extra, "` is one argument too many");
  }
  const std::string name = extra.substr(0, extra.find('='));
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& known : option->get_lnames()) names.push_back("--" + known);
  }
  return absl::StrCat("there is no option `", name, "`", rules::DidYouMean(name, names));
}

// Names `frobnicate` instead of a list of words that CLI11 could not place.
std::string UsageMessage(const CLI::App& app, const CLI::ParseError& error,
                         const std::vector<std::string>& arguments) {
  const bool extras = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  if (const std::vector<CLI::App*> asked = app.get_subcommands(); !asked.empty()) {
    const std::string what = error.what();
    if (const size_t at = what.find(": At Most 1 required"); at != std::string::npos) {
      return absl::StrCat(what.substr(0, at), " is given more than once");
    }
    if (!extras) return what;
    const std::string message =
        ExtraMessage(*asked[0]);  // of the words before it, which are the program's
    return message.empty() ? ExtraMessage(app) : message;
  }
  if (arguments.empty()) return error.what();
  if (arguments[0].size() > 1 && arguments[0][0] == '-') {
    const std::string message = ExtraMessage(app);
    if (!message.empty()) return message;
  }
  for (const std::string& argument : arguments) {
    if (argument.empty() || argument[0] == '-') continue;
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) {
      if (!command->get_group().empty()) names.push_back(command->get_name());
    }
    return absl::StrCat("there is no command `", argument, "`", rules::DidYouMean(argument, names));
  }
  return error.what();
}

}  // namespace

int Run(const std::vector<std::string>& arguments, Io& io) {
  Context context{.io = io};
  CLI::App app("Submit training jobs, watch every iteration, turn the step size while they run",
               "descent");
  try {
    app.formatter(std::make_shared<HelpFormatter>(std::min(kHelpColumns, Columns(io))));
    app.set_help_flag("-h,--help", "show this help");
    app.set_version_flag("--version", absl::StrCat("descent ", kVersion), "show the version");
    app.require_subcommand(1);
    context.AddCommonOptions(&app);
    AddSubmitCommands(&app, &context);
    AddExampleCommand(&app, &context);
    AddJobCommands(&app, &context);
    AddWatchCommand(&app, &context);
    AddPredictCommand(&app, &context);
    AddSteerCommands(&app, &context);
    AddLoginCommands(&app, &context);
    AddDatasetCommand(&app, &context);
    AddAccessCommands(&app, &context);
    AddAuditCommand(&app, &context);
    AddCompletionCommand(&app, &context);
    app.footer(Footer(Columns(io)));
    for (CLI::App* command : app.get_subcommands({})) {
      for (CLI::Option* option : command->get_options()) {
        if (option->get_type_size() != 0 && !NamesAFile(*option)) option->check(Utf8());
      }
    }
    if (!arguments.empty() && arguments[0] == "__complete") {
      return Complete(&context, &app, {arguments.begin() + 1, arguments.end()});
    }
    try {
      std::vector<std::string> words = WithUnderscores(app, WithHelpOption(arguments));
      std::reverse(words.begin(), words.end());
      app.parse(words);
    } catch (const CLI::Success& asked) {  // help, version
      app.exit(asked, io.out, io.err);
      return kOk;
    } catch (const CLI::ParseError& error) {
      if (arguments.empty()) {
        io.err << app.help();
        return kUsage;
      }
      context.Say(UsageMessage(app, error, arguments));
      io.err << "Try `descent" << Asked(app) << " --help`.\n";
      return kUsage;
    }
    if (AsksTheServer(app)) {
      if (const absl::Status status = context.ReadTarget(); !status.ok()) {
        return context.Usage(std::string(status.message()));
      }
    }
    const int code = context.action ? context.action() : int{kUsage};
    io.out.flush();
    if (io.out.good()) return code;
    context.Say("cannot write to standard output");
    return std::max<int>(code, kRefused);
  } catch (const std::exception& error) {
    context.Say(absl::StrCat("internal error: ", error.what()));
    return kRefused;
  }
}

}  // namespace descent::cli
