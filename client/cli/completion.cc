#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/completion_scripts.h"
#include "client/cli/context.h"
#include "client/cli/contexts.h"
#include "client/cli/event_text.h"
#include "client/cli/examples.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cpp/identity.h"
#include "client/cpp/spec_override.h"
#include "core/text/size_text.h"
#include "descent/v1/command.pb.h"
#include "proto/rules/dial_path.h"
#include "proto/rules/names.h"
#include "proto/rules/states.h"

namespace descent::cli {
namespace {

// A Tab must not hang.
constexpr absl::Duration kCompletionTimeout = absl::Milliseconds(800);

struct Candidate {
  std::string text;
  std::string description;
};

// By a line of this a shell's script completes file names.
constexpr char kFiles[] = ":files";

bool IsOneOf(const std::string& name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The words of a command line, up to the one that is being completed, sorted out.
struct Line {
  CLI::App* command = nullptr;           // the subcommand, once there is one
  std::vector<std::string> positionals;  // after the subcommand, without the current word
  CLI::Option* option = nullptr;         // whose value the current word is
  std::string current;
};

CLI::Option* FindOption(CLI::App* command, const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return nullptr;
  return command->get_option_no_throw(word.substr(0, word.find('=')));
}

bool TakesValue(const CLI::Option* option) {
  return option != nullptr && option->get_type_size() > 0;
}

Line SortOut(CLI::App* app, const std::vector<std::string>& words) {
  Line line;
  CLI::App* scope = app;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (!word.empty() && word[0] == '-' && word != "-") {
      CLI::Option* option = FindOption(scope, word);
      if (TakesValue(option) && !absl::StrContains(word, "=")) {
        if (i + 2 == words.size()) line.option = option;
        ++i;
      }
    } else if (line.command == nullptr) {
      for (CLI::App* command : app->get_subcommands({})) {
        if (command->get_name() == word) line.command = command;
      }
      if (line.command == nullptr) break;
      scope = line.command;
    } else {
      line.positionals.push_back(word);
    }
  }
  if (!words.empty()) line.current = words.back();
  return line;
}

std::vector<Candidate> CommandCandidates(CLI::App* app) {
  std::vector<Candidate> out;
  for (const CLI::App* command : app->get_subcommands({})) {
    if (command->get_group().empty()) continue;  // hidden
    out.push_back({command->get_name(), command->get_description()});
  }
  return out;
}

std::vector<Candidate> OptionCandidates(const CLI::App& app) {
  std::vector<Candidate> out;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      out.push_back({absl::StrCat("--", name), option->get_description()});
    }
  }
  return out;
}

// Gives the message of the command to a job that is called so, or null: subcommands have the names
// of the members of v1::Command.
const google::protobuf::Descriptor* MessageOf(const std::string& command) {
  const google::protobuf::FieldDescriptor* field =
      v1::Command::descriptor()->FindFieldByName(command);
  return field == nullptr ? nullptr : field->message_type();
}

std::vector<Candidate> JobCandidates(const Context& context, const std::string& command) {
  const auto jobs = context.Connect(kCompletionTimeout).ListJobs("", 200);
  std::vector<Candidate> out;
  if (!jobs.ok()) return out;
  const bool live_only = MessageOf(command) != nullptr;
  for (const v1::Job& job : *jobs) {
    if (live_only && rules::IsFinal(job.state())) continue;
    out.push_back({client::JobId(job.name()),
                   absl::StrCat(StateText(job.state()), job.display_name().empty() ? "" : ", ",
                                Visible(job.display_name()))});
  }
  return out;
}

// Gives the shortest end of each dial's path that means this dial alone; once a dot is typed, all
// ends.
std::vector<Candidate> DialCandidates(const Context& context, const std::string& job,
                                      const std::string& current, bool assign) {
  std::vector<Candidate> out;
  const auto found = context.Connect(kCompletionTimeout).GetJob(client::JobName(job));
  if (!found.ok()) return out;
  std::vector<std::string> paths;
  for (const v1::DialState& dial : found->dials()) paths.push_back(dial.path());
  if (paths.empty()) {
    paths.assign(found->summary().dials().begin(), found->summary().dials().end());
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    const std::string& path = paths[i];
    const std::string value = i < static_cast<size_t>(found->dials_size())
                                  ? Number(found->dials(static_cast<int>(i)).value())
                                  : "";
    for (size_t dot = path.rfind('.');; dot = path.rfind('.', dot - 1)) {
      const std::string end = dot == std::string::npos ? path : path.substr(dot + 1);
      if (rules::MatchDials(end, paths).size() == 1) {
        out.push_back({assign ? end + "=" : end, value.empty() ? path : path + ", now " + value});
        if (!absl::StrContains(current, ".")) break;
      }
      if (dot == std::string::npos || dot == 0) break;
    }
  }
  return out;
}

std::vector<Candidate> ContextCandidates() {
  std::vector<Candidate> out;
  const auto contexts = ReadContexts(ContextsPath());
  if (!contexts.ok()) return out;
  for (const SavedContext& context : contexts->all) out.push_back({context.name, context.server});
  return out;
}

std::vector<Candidate> DatasetCandidates(const Context& context) {
  std::vector<Candidate> out;
  const auto listed = context.Connect(kCompletionTimeout).ListDatasets();
  if (!listed.ok()) return out;
  for (const v1::Dataset& dataset : listed->datasets()) {
    out.push_back({rules::DatasetIdOf(dataset.name()).value_or(dataset.name()),
                   SizeText(static_cast<double>(dataset.bytes()))});
  }
  return out;
}

std::vector<Candidate> OptionValues(const Line& line) {
  const std::string name = line.option->get_name();
  if (name == "--format") return {{"yaml", ""}, {"json", ""}, {"textproto", ""}};
  if (IsOneOf(name, {"-o", "--output", "--data", "--token_file", "--ca"})) return {{kFiles, ""}};
  if (name == "--context") return ContextCandidates();
  if (name == "--role") return {{"metrics", ""}, {"viewer", ""}, {"operator", ""}, {"admin", ""}};
  std::vector<Candidate> out;
  if (name == "--kinds") {
    // The current word may be a list: complete its last item.
    const size_t comma = line.current.rfind(',');
    const std::string before = comma == std::string::npos ? "" : line.current.substr(0, comma + 1);
    for (int kind = v1::EventKind_MIN; kind <= v1::EventKind_MAX; ++kind) {
      if (kind == 0 || !v1::EventKind_IsValid(kind)) continue;
      out.push_back(
          {before + absl::AsciiStrToLower(v1::EventKind_Name(static_cast<v1::EventKind>(kind))),
           ""});
    }
  }
  return out;
}

std::vector<Candidate> Candidates(const Context& context, CLI::App* app, const Line& line) {
  if (line.option != nullptr) return OptionValues(line);
  if (line.command == nullptr) {
    return !line.current.empty() && line.current[0] == '-' ? OptionCandidates(*app)
                                                           : CommandCandidates(app);
  }
  if (!line.current.empty() && line.current[0] == '-') return OptionCandidates(*line.command);
  const std::string& name = line.command->get_name();
  const size_t position = line.positionals.size();
  if (IsOneOf(name, {"submit", "validate"}) && position == 0) return {{kFiles, ""}};
  if (name == "token" && position == 0) return {{"create", ""}, {"list", ""}, {"revoke", ""}};
  if (name == "context" && position == 0) return {{"list", ""}, {"use", ""}, {"delete", ""}};
  if (name == "context" && position == 1 && line.positionals[0] != "list") {
    return ContextCandidates();
  }
  if (name == "dataset" && position == 0) return {{"upload", ""}, {"list", ""}, {"delete", ""}};
  if (name == "dataset" && position == 1 && line.positionals[0] != "list") {
    return DatasetCandidates(context);
  }
  if (name == "dataset" && position == 2 && line.positionals[0] == "upload") return {{kFiles, ""}};
  if (IsOneOf(name, {"token", "open", "login", "context", "dataset"})) return {};
  if (name == "completion" && position == 0) return {{"bash", ""}, {"zsh", ""}, {"fish", ""}};
  if (name == "example" && position == 0) {
    std::vector<Candidate> out;
    for (const Example& example : Examples()) {
      out.push_back({std::string(example.name), std::string(example.title)});
    }
    return out;
  }
  if (IsOneOf(name, {"list", "example", "completion", "submit", "validate"})) return {};
  if (position == 0 || IsOneOf(name, {"delete", "wait"})) return JobCandidates(context, name);
  const google::protobuf::Descriptor* message = MessageOf(name);
  if (message != nullptr && message->FindFieldByName("path") != nullptr &&
      !absl::StrContains(line.current, "=")) {
    // Besides the dial's path it has what the dial becomes, or nothing.
    return DialCandidates(context, line.positionals[0], line.current, message->field_count() > 1);
  }
  return {};
}

// Takes what the words before the current one say of where the daemon is.
void ReadCommonOptions(const std::vector<std::string>& words, Context* context) {
  const std::pair<const char*, std::string*> options[] = {{"--server", &context->server},
                                                          {"--context", &context->context},
                                                          {"--token_file", &context->token_file},
                                                          {"--ca", &context->ca_file}};
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--insecure") context->insecure = true;
    for (const auto& [option, value] : options) {
      if (words[i] == option && i + 2 < words.size()) *value = words[i + 1];
      if (absl::StartsWith(words[i], absl::StrCat(option, "="))) {
        *value = words[i].substr(words[i].find('=') + 1);
      }
    }
  }
}

}  // namespace

int Complete(Context* context, CLI::App* app, std::vector<std::string> words) {
  if (!words.empty() && words[0] == "--") words.erase(words.begin());
  const Line line = SortOut(app, words);
  ReadCommonOptions(words, context);
  // What can't be read is told to whoever runs the command.
  context->ReadTarget().IgnoreError();
  for (const Candidate& candidate : Candidates(*context, app, line)) {
    if (candidate.text != kFiles && !absl::StartsWith(candidate.text, line.current)) continue;
    context->io.out << candidate.text;
    if (!candidate.description.empty()) {
      context->io.out << "\t" << Visible(candidate.description);
    }
    context->io.out << "\n";
  }
  context->io.out.flush();
  return kOk;
}

void AddCompletionCommand(CLI::App* app, Context* context) {
  CLI::App* command = app->add_subcommand("completion", "Print a shell's completion script");
  Table lines;
  lines.Add({"bash:", Whole("source <(descent completion bash)      in ~/.bashrc")});
  lines.Add({"zsh:", Whole("source <(descent completion zsh)       in ~/.zshrc, after compinit")});
  lines.Add({"fish:", Whole("descent completion fish > "
                            "~/.config/fish/completions/descent.fish")});
  std::string footer = lines.Render(Columns(context->io));
  footer.pop_back();  // its last end of a line
  command->footer(footer);
  const auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->type_name("")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([=] {
    context->action = [=] {
      context->io.out << (*shell == "bash"  ? kBashCompletion
                          : *shell == "zsh" ? kZshCompletion
                                            : kFishCompletion);
      return kOk;
    };
  });
}

}  // namespace descent::cli
