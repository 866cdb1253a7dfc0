// The memory limit of workers, as descentd's command line has it. Free functions, for the start.
#ifndef DESCENT_SERVER_DAEMON_MAIN_WORKER_MEMORY_H_
#define DESCENT_SERVER_DAEMON_MAIN_WORKER_MEMORY_H_

#include <memory>
#include <string>

#include "server/daemon/launch/memory_groups.h"

namespace descent::daemon {

// Gives what is wrong with such a limit (launch/memory_limit.h), or nothing.
std::string WrongMemoryLimit(const std::string& limit);

// Gives what holds the workers to this limit, which is none that is wrong; null, and a line in the
// log that says why, where there is nothing that could.
std::unique_ptr<MemoryGroups> HoldWorkers(const std::string& limit);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_MAIN_WORKER_MEMORY_H_
