// Who can reach the daemon: where it listens, and what it shows to those who come over TLS. Free
// functions, for the start.
#ifndef DESCENT_SERVER_DAEMON_MAIN_REACH_H_
#define DESCENT_SERVER_DAEMON_MAIN_REACH_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/common/clock.h"
#include "server/daemon/sockets/listen_address.h"
#include "server/daemon/tls/server_certificate.h"

namespace descent::daemon {

// What was typed.
struct ReachFlags {
  std::string listen = "127.0.0.1:7600";
  std::string http = "127.0.0.1:7601";
  TlsFiles tls = {};                         // both or none
  std::vector<std::string> http_hosts = {};  // names of the Host header
};

struct Reach {
  ListenAddress listen;
  ListenAddress http;
  std::shared_ptr<ServerCertificate> certificate = nullptr;  // null: nothing is encrypted
  std::vector<std::string> http_hosts = {};                  // in lower case
};

// Gives where certificates lie in the daemon's folder.
std::string CertificateFolderOf(const std::string& data_dir);

// Checks all that; makes nothing. Beyond loopback the certificate of the daemon's folder is taken
// if none is named. INVALID_ARGUMENT or FAILED_PRECONDITION has a sentence that names the flag or
// file.
absl::StatusOr<Reach> ChooseReach(const ReachFlags& flags, const std::string& data_dir,
                                  const std::vector<std::string>& data_roots,
                                  const server::Clock* clock);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_MAIN_REACH_H_
