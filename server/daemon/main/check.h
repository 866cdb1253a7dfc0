// What `descentd check` does. One call at a time.
#ifndef DESCENT_SERVER_DAEMON_MAIN_CHECK_H_
#define DESCENT_SERVER_DAEMON_MAIN_CHECK_H_

#include <string>

namespace descent::daemon {

struct CheckOptions {
  bool json = false;
  bool skip_checkpoints = false;
};

// Looks at the store in that folder and prints what is damaged. Gives the program's exit status: 0
// if all is whole, 1 if it is not, 2 if it can't be looked at.
int Check(const std::string& data_dir, const CheckOptions& options);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_MAIN_CHECK_H_
