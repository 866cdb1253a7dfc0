#ifndef DESCENT_CLIENT_CLI_EXIT_CODE_H_
#define DESCENT_CLIENT_CLI_EXIT_CODE_H_

#include "absl/status/status.h"

namespace descent::cli {

enum ExitCode : int {
  kOk = 0,
  kRefused = 1,      // by the server; or the job waited for did not succeed
  kUsage = 2,        // the command line is wrong
  kUnreachable = 3,  // no server answers
  kInterrupted = 130,
};

inline int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kOk;
  return absl::IsUnavailable(status) ? kUnreachable : kRefused;
}

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_EXIT_CODE_H_
