// `Secrets` are what the daemon knows its workers by: each has a secret that follows from its name
// and a key of 256 random bits, so that the next daemon of this folder knows the same workers, and
// nothing need be kept for each. A value; thread-safe.
#ifndef DESCENT_SERVER_DAEMON_LAUNCH_SECRETS_H_
#define DESCENT_SERVER_DAEMON_LAUNCH_SECRETS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::daemon {

class Secrets {
 public:
  // Opens the key in this file, which is made, for its owner alone, if it isn't there. UNAVAILABLE
  // if it can't be made, FAILED_PRECONDITION if it is no regular file.
  static absl::StatusOr<Secrets> Open(const std::string& key_file);

  // Gives HMAC-SHA-256 (RFC 2104) of the name, hexadecimal: 64 digits.
  std::string Of(const std::string& name) const;

  // Compares in a time that says nothing about where the two differ.
  bool IsSecretOf(const std::string& name, const std::string& secret) const;

 private:
  explicit Secrets(std::string key) : key_(std::move(key)) {}

  std::string key_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_LAUNCH_SECRETS_H_
