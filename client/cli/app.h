// The command line of the training service, as a function.
#ifndef DESCENT_CLIENT_CLI_APP_H_
#define DESCENT_CLIENT_CLI_APP_H_

#include <string>
#include <vector>

#include "client/cli/io.h"

namespace descent::cli {

// Runs one command line, without the program's name. Gives the exit code: 0 done, 1 refused (or the
// job waited for did not succeed), 2 usage, 3 no server answers, 130 interrupted. Never throws. One
// call at a time.
int Run(const std::vector<std::string>& arguments, Io& io);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_APP_H_
