// The launcher that makes workers processes of this machine. A free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_LAUNCH_LOCAL_H_
#define DESCENT_SERVER_DAEMON_LAUNCH_LOCAL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/daemon/launch/launcher.h"
#include "server/daemon/launch/memory_groups.h"

namespace descent::daemon {

// Starts workers that find the daemon by the unix socket `socket`. `arguments` are those of every
// worker, besides its own; `groups` holds them to their memory limit, if it is not null. A worker
// that was started for another socket is another daemon's: it is gone for this one, and never
// ended. FAILED_PRECONDITION if `binary` can't be executed.
absl::StatusOr<std::unique_ptr<Launcher>> LocalLauncher(
    const std::string& binary, const std::string& socket,
    const std::vector<std::string>& arguments = {}, std::unique_ptr<MemoryGroups> groups = nullptr);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_LAUNCH_LOCAL_H_
