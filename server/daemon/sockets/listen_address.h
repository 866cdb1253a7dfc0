// The address that a daemon listens on. Free functions; any thread.
//
// It is `host:port` of a loopback address, `[::1]:port`, or `localhost:port`. Without encryption
// and authentication nothing else may be listened on; INVALID_ARGUMENT names `flag`.
#ifndef DESCENT_SERVER_DAEMON_SOCKETS_LISTEN_ADDRESS_H_
#define DESCENT_SERVER_DAEMON_SOCKETS_LISTEN_ADDRESS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::daemon {

struct ListenAddress {
  std::string host;  // numeric: `127.0.0.1`, `::1`
  int port = 0;      // 0 means any free one

  std::string ToString() const;
};
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text, std::string_view flag);

// Tries to bind, and lets go: OK if `address` can be listened on, else why not in a sentence.
absl::Status ProbeListenAddress(const ListenAddress& address, std::string_view flag);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SOCKETS_LISTEN_ADDRESS_H_
