// The daemon of this machine that needs no address: the user's own, or the service. Free functions;
// any thread that changes no environment.
#ifndef DESCENT_CLIENT_CLI_LOCAL_DAEMON_H_
#define DESCENT_CLIENT_CLI_LOCAL_DAEMON_H_

#include <optional>
#include <string>
#include <vector>

namespace descent::cli {

// What a daemon says of itself in its folder's descentd.json.
struct LocalDaemon {
  std::string client_socket;  // the path; lets in the daemon's user without a token
  std::string http;           // HOST:PORT of the dashboard
  bool tls = false;           // that is https
};

// Gives the daemon of the first of these folders in which one runs: its file is there, and the
// socket that it names. Nothing if none does, or if the folders are closed to this user.
std::optional<LocalDaemon> FindLocalDaemon(const std::vector<std::string>& folders);

// Gives descentd's usual folder: $XDG_DATA_HOME/descent, or ~/.local/share/descent. Empty if the
// environment doesn't say.
std::string UsualFolder();

// Gives the folders in which a daemon is looked for: the usual one, and that of Debian's service,
// which root and the service's user may enter.
std::vector<std::string> DaemonFolders();

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_LOCAL_DAEMON_H_
