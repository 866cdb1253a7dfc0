// The daemon of this user, if one runs with its usual folder. Free functions; any thread that
// changes no environment.
#ifndef DESCENT_CLIENT_CLI_LOCAL_DAEMON_H_
#define DESCENT_CLIENT_CLI_LOCAL_DAEMON_H_

#include <optional>
#include <string>

namespace descent::cli {

// What a daemon says of itself in its folder's descentd.json.
struct LocalDaemon {
  std::string client_socket;  // the path; lets in the daemon's user without a token
  std::string http;           // HOST:PORT of the dashboard
  bool tls = false;           // that is https
};

// Gives the daemon whose folder that is; nothing if none runs there: its file is away, or nothing
// listens any more at the socket that it names.
std::optional<LocalDaemon> FindLocalDaemon(const std::string& folder);

// Gives descentd's usual folder: $XDG_DATA_HOME/descent, or ~/.local/share/descent. Empty if the
// environment doesn't say.
std::string UsualFolder();

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_LOCAL_DAEMON_H_
