#include "server/daemon/tls/grpc_credentials.h"

#include <grpc/grpc_security.h>

#include <string>
#include <utility>

namespace descent::daemon {
namespace {

// gRPC's C++ interface reads its files itself, by the clock, and takes a new key with an old
// certificate (FileWatcherCertificateProvider). Its C interface asks at each handshake, which this
// makes credentials of: they do what grpc::SslServerCredentials does, with that question.
class Credentials final : public grpc::ServerCredentials {
 public:
  explicit Credentials(std::shared_ptr<ServerCertificate> certificate)
      : certificate_(std::move(certificate)),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE, &Credentials::Fetch, this))) {}
  ~Credentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // gRPC has a lock about this, one for all handshakes of a server.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<Credentials*>(self)->FetchNew(config);
  }

  grpc_ssl_certificate_config_reload_status FetchNew(grpc_ssl_server_certificate_config** config) {
    std::shared_ptr<const ServerCertificate::Pair> pair = certificate_->Current();
    if (pair == shown_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair texts = {.private_key = pair->key.c_str(),
                                              .cert_chain = pair->certificate.c_str()};
    // gRPC asserts that there are roots for the certificates of clients, though none is asked for.
    *config = grpc_ssl_server_certificate_config_create(pair->certificate.c_str(), &texts, 1);
    shown_ = std::move(pair);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::shared_ptr<ServerCertificate> certificate_;
  std::shared_ptr<const ServerCertificate::Pair> shown_;  // what gRPC has
  grpc_server_credentials* const credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> GrpcCredentials(
    std::shared_ptr<ServerCertificate> certificate) {
  return std::make_shared<Credentials>(std::move(certificate));
}

}  // namespace descent::daemon
