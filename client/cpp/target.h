// A `Target` is a daemon, and what a client brings with it. A value; free functions; any thread.
#ifndef DESCENT_CLIENT_CPP_TARGET_H_
#define DESCENT_CLIENT_CPP_TARGET_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace descent::client {

struct Target {
  // HOST:PORT, or unix:PATH.
  std::string server = "127.0.0.1:7600";
  // Certificates (PEM), of which one must have signed the server's. Empty: those that this machine
  // trusts.
  std::string ca = {};
  // What lets the client in (TokenService); empty: nothing, which is enough over the daemon's own
  // socket.
  std::string token = {};
  // Speaks plaintext over TCP, and brings the token all the same: whoever is on the way, or listens
  // there in the daemon's place, can take it.
  bool insecure = false;
};

bool IsUnixSocket(std::string_view server);
// True for a unix socket and for an address of this machine's loopback.
bool IsLocal(std::string_view server);

// True if the connection is TLS: to other machines always, on loopback where `ca` is given; never
// if `insecure`.
bool UsesTls(const Target& target);

// INVALID_ARGUMENT (`INVALID_TOKEN`) if the token is no header's text; FAILED_PRECONDITION
// (`TOKEN_NEEDS_TLS`) if it would travel in plaintext over TCP, which a client never does.
absl::Status CheckTarget(const Target& target);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_TARGET_H_
