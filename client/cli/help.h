// A `HelpFormatter` writes help in the layout of GNU's programs, so many columns wide.
#ifndef DESCENT_CLIENT_CLI_HELP_H_
#define DESCENT_CLIENT_CLI_HELP_H_

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>

namespace descent::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(size_t columns) : columns_(columns) {}

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;

 private:
  const size_t columns_;
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_HELP_H_
