// A `TlsClient` is a connection over TLS that speaks bytes, by OpenSSL alone.
#ifndef DESCENT_TESTS_SERVER_DAEMON_TLS_TLS_CLIENT_H_
#define DESCENT_TESTS_SERVER_DAEMON_TLS_TLS_CLIENT_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "server/daemon/tls/openssl.h"

namespace descent::daemon {

// Connects to a port of loopback. Reads fail after 20 s instead of hanging.
inline int ConnectTo(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval timeout{.tv_sec = 20, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

class TlsClient {
 public:
  struct Options {
    std::string authority;           // the only one that is trusted, PEM
    std::string host = "localhost";  // that the certificate must be for
    int most_version = TLS1_3_VERSION;
    bool any_cipher = false;  // those too that Debian leaves out
  };

  TlsClient(int port, const Options& options) : fd_(ConnectTo(port)) {
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    const openssl::Certificate authority = openssl::ReadCertificate(options.authority);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority.get());
    SSL_CTX_set_min_proto_version(context_, 0);
    SSL_CTX_set_max_proto_version(context_, options.most_version);
    if (options.any_cipher) SSL_CTX_set_cipher_list(context_, "ALL:@SECLEVEL=0");
    ssl_ = SSL_new(context_);
    SSL_set1_host(ssl_, options.host.c_str());
    SSL_set_fd(ssl_, fd_);
    connected_ = SSL_connect(ssl_) == 1;
    if (!connected_) reason_ = openssl::TakeReason();
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    close(fd_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connected() const { return connected_; }
  const std::string& reason() const { return reason_; }  // why not

  // Gives the fingerprint of the certificate that was shown, or of the last one that came with it.
  std::string shown() const {
    const openssl::Certificate own(SSL_get1_peer_certificate(ssl_));
    return own == nullptr ? "" : openssl::Fingerprint(*own);
  }
  std::string last_shown() const {
    STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl_);
    if (sk_X509_num(chain) < 1) return "";
    return openssl::Fingerprint(*sk_X509_value(chain, sk_X509_num(chain) - 1));
  }

  void Send(std::string_view text) { SSL_write(ssl_, text.data(), static_cast<int>(text.size())); }

  // Reads on until what was read contains `mark` after so many bytes; false if the end comes first.
  bool ReadUntil(std::string_view mark, size_t after = 0) {
    while (text_.find(mark, after) == std::string::npos) {
      if (!ReadSome()) return false;
    }
    return true;
  }
  const std::string& ReadAll() {
    while (ReadSome()) {
    }
    return text_;
  }
  const std::string& text() const { return text_; }
  // True if the other side has said that it sends nothing more.
  bool ended() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }

 private:
  bool ReadSome() {
    char buffer[1 << 14];
    const int count = SSL_read(ssl_, buffer, sizeof(buffer));
    if (count > 0) text_.append(buffer, static_cast<size_t>(count));
    return count > 0;
  }

  const int fd_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
  std::string reason_;
  std::string text_;
};

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_TLS_TLS_CLIENT_H_
