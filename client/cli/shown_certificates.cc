#include "client/cli/shown_certificates.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace descent::cli {
namespace {

constexpr size_t kFingerprintDigits = 64;

template <auto kFree>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

// A socket that is closed with its owner.
class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

// Keeps a server that hangs up from ending the program: OpenSSL writes without MSG_NOSIGNAL.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    constexpr timespec kNow{};
    if (sigismember(&before_, SIGPIPE) == 0) sigtimedwait(&pipe_, nullptr, &kNow);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

absl::Status NoAnswer(const std::string& server, const std::string& why) {
  return absl::UnavailableError(absl::StrCat(why, " (", server, ")"));
}

// Connects to the first of a name's addresses that takes the connection; -1, and errno.
int Connect(const addrinfo* addresses, absl::Duration patience) {
  const timeval time = absl::ToTimeval(patience);
  for (const addrinfo* address = addresses; address != nullptr; address = address->ai_next) {
    const int descriptor =
        socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
    if (descriptor < 0) continue;
    // On Linux it bounds connect, too.
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    if (connect(descriptor, address->ai_addr, address->ai_addrlen) == 0) return descriptor;
    const int error = errno;
    close(descriptor);
    errno = error;
  }
  return -1;
}

ShownCertificate Shown(X509* certificate) {
  ShownCertificate shown;
  const std::unique_ptr<BIO, Deleter<BIO_free_all>> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  const char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);  // NOLINT: a macro of OpenSSL's
  shown.pem.assign(text, static_cast<size_t>(size));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &length) == 1) {
    shown.fingerprint = absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(digest.data()), length));
  }
  return shown;
}

}  // namespace

absl::StatusOr<std::vector<ShownCertificate>> ShownCertificates(const std::string& server,
                                                                absl::Duration patience) {
  const size_t colon = server.rfind(':');
  std::string host = server.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : server.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return NoAnswer(server, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, Deleter<freeaddrinfo>> addresses(found);
  const Socket socket(Connect(addresses.get(), patience));
  if (socket.descriptor() < 0) return NoAnswer(server, std::generic_category().message(errno));

  const std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
  const std::unique_ptr<SSL, Deleter<SSL_free>> tls(context == nullptr ? nullptr
                                                                       : SSL_new(context.get()));
  if (tls == nullptr) return NoAnswer(server, "OpenSSL gives no connection");
  SSL_set_verify(tls.get(), SSL_VERIFY_NONE, nullptr);
  // gRPC's servers take nobody who doesn't speak HTTP/2.
  constexpr std::array<unsigned char, 3> kHttp2 = {2, 'h', '2'};
  SSL_set_alpn_protos(tls.get(), kHttp2.data(), kHttp2.size());
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (inet_pton(AF_INET, host.c_str(), address.data()) != 1 &&
      inet_pton(AF_INET6, host.c_str(), address.data()) != 1) {
    SSL_set_tlsext_host_name(tls.get(), host.c_str());  // NOLINT: a macro of OpenSSL's
  }
  const NoPipeSignal no_pipe_signal;
  SSL_set_fd(tls.get(), socket.descriptor());
  if (SSL_connect(tls.get()) != 1) {
    ERR_clear_error();
    return NoAnswer(server, "no answer in TLS");
  }
  std::vector<ShownCertificate> shown;
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(tls.get());  // the server's own is in it
  for (int i = 0; i < sk_X509_num(chain); ++i) shown.push_back(Shown(sk_X509_value(chain, i)));
  ERR_clear_error();
  return shown;
}

std::string ReadFingerprint(std::string_view text) {
  std::string digits = absl::StrReplaceAll(
      absl::AsciiStrToLower(absl::StripAsciiWhitespace({text.data(), text.size()})),
      {{"sha256:", ""}, {"sha256 fingerprint=", ""}});
  std::erase(digits, ':');
  const bool is_hexadecimal = std::all_of(digits.begin(), digits.end(),
                                          [](unsigned char c) { return absl::ascii_isxdigit(c); });
  return is_hexadecimal && digits.size() == kFingerprintDigits ? digits : "";
}

}  // namespace descent::cli
