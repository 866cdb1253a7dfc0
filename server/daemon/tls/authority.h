// Certificates for those who have none: an authority of the daemon's own, which clients are given
// once, and a certificate by it, which is renewed. Free functions; any thread, one at a time for
// each folder.
#ifndef DESCENT_SERVER_DAEMON_TLS_AUTHORITY_H_
#define DESCENT_SERVER_DAEMON_TLS_AUTHORITY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/daemon/tls/server_certificate.h"

namespace descent::daemon {

// What stands in a folder: `ca.pem`, `ca.key`, and of the server `server.pem` (its certificate,
// then the authority's, by which clients that know a fingerprint know it) and `server.key`.
struct CertificateFolder {
  explicit CertificateFolder(const std::string& folder);

  std::string authority;
  std::string authority_key;
  TlsFiles server;

  // True if there is a server's certificate.
  bool Exists() const;
};

struct IssuedCertificate {
  bool new_authority = false;
  std::string authority_fingerprint = {};  // SHA-256 of its certificate, hexadecimal
  std::vector<std::string> hosts = {};     // that the certificate is for
  absl::Time not_after = {};
};

// Makes a certificate for these hosts, names or IP addresses, and its key, in `folder`, which is
// made, as all files are, for its owner alone; valid for a year from `now`. The authority is made,
// for ten years, if there is none; who knows it need not be told again. Without hosts they are
// those of the certificate that is there. INVALID_ARGUMENT if one is no host's name or there are
// none; FAILED_PRECONDITION if the authority can't be used (it has expired, its key is lost);
// UNAVAILABLE or RESOURCE_EXHAUSTED if a file can't be written.
absl::StatusOr<IssuedCertificate> IssueCertificate(const std::string& folder,
                                                   std::vector<std::string> hosts, absl::Time now);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_TLS_AUTHORITY_H_
