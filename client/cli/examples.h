// The files of client/examples that `descent example` prints, embedded when built. They live as
// long as the program; any thread.
#ifndef DESCENT_CLIENT_CLI_EXAMPLES_H_
#define DESCENT_CLIENT_CLI_EXAMPLES_H_

#include <span>
#include <string_view>

namespace descent::cli {

struct Example {
  std::string_view name;   // `fashion_mnist_mlp`, `linear_regression.csv`
  std::string_view title;  // the file's first comment line, as far as its first comma or period
  std::string_view text;
};

std::span<const Example> Examples();

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_EXAMPLES_H_
