#ifndef DESCENT_CLIENT_CLI_HELP_H_
#define DESCENT_CLIENT_CLI_HELP_H_

#include <CLI/CLI.hpp>
#include <string>

namespace descent::cli {

// Help in the layout of GNU's programs, 80 columns wide.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_HELP_H_
