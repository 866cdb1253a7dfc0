// A `ServerCertificate` is what the daemon shows to those who come over TLS, gRPC and HTTP alike: a
// certificate with its issuers, and its key, from two PEM files. They may be replaced while the
// daemon runs: who comes next is shown the new ones, and open connections go on. If what stands in
// the files then is of no use, those from before stay in force. Thread-safe.
//
// It looks at the files when somebody comes, so it has neither a thread nor a period.
#ifndef DESCENT_SERVER_DAEMON_TLS_SERVER_CERTIFICATE_H_
#define DESCENT_SERVER_DAEMON_TLS_SERVER_CERTIFICATE_H_

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"

namespace descent::daemon {

struct TlsFiles {
  std::string certificate;  // PEM: the server's own, then those of its issuers
  std::string key;          // PEM, without a passphrase
};

class ServerCertificate {
 public:
  // What is shown to one client after the other, as of one moment. A value that nobody changes.
  struct Pair {
    std::string certificate;  // the files' text
    std::string key;
    absl::Time not_before;
    absl::Time not_after;
    std::string fingerprint;  // SHA-256, hexadecimal
    // For OpenSSL's own servers: TLS 1.2 and later, forward secret ciphers, HTTP/1.1 by ALPN.
    std::shared_ptr<SSL_CTX> context;

    // True if the certificate is for this host: a name, in any case, or an IP address.
    bool Covers(const std::string& host) const;
  };

  // FAILED_PRECONDITION says in a sentence that names the file why it can't be used: it is missing,
  // unreadable, no certificate or no key, has expired, is not valid yet, or the key is another's.
  static absl::StatusOr<std::shared_ptr<ServerCertificate>> Load(TlsFiles files,
                                                                 const server::Clock* clock);

  // Gives what is in force now; never null. Reads the files if they are others than before.
  std::shared_ptr<const Pair> Current();

  // OK while clients can be served; FAILED_PRECONDITION once what is in force has expired.
  absl::Status health();
  // Gives what somebody should know before it is too late, as a sentence: that the files hold
  // something that can't be used, or that the certificate ends soon. Empty if there is nothing.
  std::string notice();

 private:
  // Tells whether a file is the one that was read before.
  struct Stamp {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t seconds = 0;
    int64_t nanos = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct Stamps {
    Stamp certificate;
    Stamp key;
    bool operator==(const Stamps&) const = default;
  };

  ServerCertificate(TlsFiles files, const server::Clock* clock)
      : files_(std::move(files)), clock_(clock) {}

  static Stamp StampOf(const std::string& path);
  absl::Time Now() const;
  absl::StatusOr<std::shared_ptr<const Pair>> Read() const;
  void Look() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TlsFiles files_;
  const server::Clock* const clock_;
  server::Mutex mutex_;
  Stamps stamps_ ABSL_GUARDED_BY(mutex_);  // of the files as they were last read
  std::shared_ptr<const Pair> pair_ ABSL_GUARDED_BY(mutex_);
  absl::Status unused_ ABSL_GUARDED_BY(mutex_);  // why what stands in the files is not in force
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_TLS_SERVER_CERTIFICATE_H_
