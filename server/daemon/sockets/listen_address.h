// The address that a daemon listens on. Free functions; any thread.
//
// It is `host:port`, `[::1]:port`, or `name:port`, where a name is looked up. Other machines may
// connect only over TLS (CheckReach). INVALID_ARGUMENT (`INVALID_ADDRESS`) names `flag`.
#ifndef DESCENT_SERVER_DAEMON_SOCKETS_LISTEN_ADDRESS_H_
#define DESCENT_SERVER_DAEMON_SOCKETS_LISTEN_ADDRESS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::daemon {

struct ListenAddress {
  std::string host;  // numeric: `127.0.0.1`, `::1`; `0.0.0.0` and `::` are all of this machine's
  int port = 0;      // 0 means any free one

  std::string ToString() const;
  // True if only this machine can connect.
  bool IsLoopback() const;
};
// Looks names up, which may block; the first address that the system gives is taken.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text, std::string_view flag);

// Refuses, with what to do about it, an address that other machines can reach without encryption.
absl::Status CheckReach(const ListenAddress& address, bool encrypted, std::string_view flag);

// Tries to bind, and lets go: OK if `address` can be listened on, else why not in a sentence.
absl::Status ProbeListenAddress(const ListenAddress& address, std::string_view flag);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SOCKETS_LISTEN_ADDRESS_H_
