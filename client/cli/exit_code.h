// The exit codes of `descent`.
#ifndef DESCENT_CLIENT_CLI_EXIT_CODE_H_
#define DESCENT_CLIENT_CLI_EXIT_CODE_H_

namespace descent::cli {

enum ExitCode : int {
  kOk = 0,
  kRefused = 1,      // refused by the server; or the job waited for did not succeed
  kUsage = 2,        // the command line is wrong
  kUnreachable = 3,  // no server answers
  kInterrupted = 130,
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_EXIT_CODE_H_
