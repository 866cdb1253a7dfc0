#include "client/cli/help.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/format.h"

namespace descent::cli {
namespace {

// The columns where descriptions begin, on a wide and on a narrow terminal.
constexpr size_t kIndent = 26, kNarrowIndent = 6;
constexpr size_t kNarrow = 60;

// Gives `  left      description`, with the description wrapped in its column.
std::string Entry(const std::string& left, const std::string& description, size_t columns) {
  const size_t indent = columns < kNarrow ? kNarrowIndent : kIndent;
  std::string out = absl::StrCat("  ", left);
  if (Width(out) + 2 > indent) out += "\n";
  const size_t column = out.back() == '\n' ? 0 : Width(out);
  return absl::StrCat(out, std::string(indent - column, ' '), Wrap(description, columns, indent),
                      "\n");
}

// Gives `-f, --follow`, `    --at ITERATION`.
std::string OptionName(const CLI::Option& option) {
  std::string name =
      option.get_snames().empty() ? "    " : absl::StrCat("-", option.get_snames()[0], ", ");
  if (!option.get_lnames().empty()) absl::StrAppend(&name, "--", option.get_lnames()[0]);
  if (option.get_type_size() != 0) {
    const std::string type = option.get_type_name();  // `N:POSITIVE`, checks after the colon
    absl::StrAppend(&name, " ", type.substr(0, type.find(':')));
  }
  return name;
}

std::string PositionalUsage(const CLI::Option& option) {
  std::string usage = option.get_name(true, false);
  if (option.get_expected_max() > 1) usage += "...";
  return option.get_required() ? usage : absl::StrCat("[", usage, "]");
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode) const {
  std::string usage = absl::StrCat("Usage: ", name, " [OPTION]...");
  std::string positionals;
  for (const CLI::Option* option : app->get_options()) {
    if (!option->get_positional()) continue;
    absl::StrAppend(&usage, " ", PositionalUsage(*option));
    absl::StrAppend(&positionals,
                    Entry(option->get_name(true, false), option->get_description(), columns_));
  }
  std::string commands;
  for (const CLI::App* command : app->get_subcommands({})) {
    if (!command->get_group().empty()) {
      absl::StrAppend(&commands, Entry(command->get_name(), command->get_description(), columns_));
    }
  }
  if (!commands.empty()) usage += " COMMAND";
  std::string out = absl::StrCat(Wrap(usage, columns_, 0), "\n",
                                 Wrap(app->get_description() + ".", columns_, 0), "\n");
  if (!positionals.empty()) absl::StrAppend(&out, "\n", positionals);
  if (!commands.empty()) absl::StrAppend(&out, "\nCommands:\n", commands);
  for (const std::string& group : app->get_groups()) {
    std::string entries;
    for (const CLI::Option* option : app->get_options()) {
      if (option->nonpositional() && option->get_group() == group) {
        absl::StrAppend(&entries, Entry(OptionName(*option), option->get_description(), columns_));
      }
    }
    if (!entries.empty()) absl::StrAppend(&out, "\n", group, ":\n", entries);
  }
  if (!app->get_footer().empty()) absl::StrAppend(&out, "\n", app->get_footer(), "\n");
  return out;
}

}  // namespace descent::cli
