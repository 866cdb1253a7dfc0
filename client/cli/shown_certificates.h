// What a server shows of itself to whoever comes over TLS. Free functions; any thread.
#ifndef DESCENT_CLIENT_CLI_SHOWN_CERTIFICATES_H_
#define DESCENT_CLIENT_CLI_SHOWN_CERTIFICATES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace descent::cli {

struct ShownCertificate {
  std::string pem;
  std::string fingerprint;  // SHA-256 of its DER, 64 lower hexadecimal digits
};

// Gives the certificates that the server at HOST:PORT shows, its own first, then its issuers'.
// Nothing is checked but that it is TLS, and nothing is sent: anybody may show anything.
// UNAVAILABLE if nobody answers, each step within `patience`, or not in TLS.
absl::StatusOr<std::vector<ShownCertificate>> ShownCertificates(const std::string& server,
                                                                absl::Duration patience);

// Reads a fingerprint as people copy it, with colons or without, in any case, `SHA256:` before it
// or not. Empty if it is none.
std::string ReadFingerprint(std::string_view text);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_SHOWN_CERTIFICATES_H_
