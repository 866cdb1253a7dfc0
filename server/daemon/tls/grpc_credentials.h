// How a gRPC server shows a ServerCertificate. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_TLS_GRPC_CREDENTIALS_H_
#define DESCENT_SERVER_DAEMON_TLS_GRPC_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "server/daemon/tls/server_certificate.h"

namespace descent::daemon {

// Gives credentials that ask at each handshake which certificate is in force: TLS 1.2 and later,
// HTTP/2 by ALPN, no certificates of clients.
std::shared_ptr<grpc::ServerCredentials> GrpcCredentials(
    std::shared_ptr<ServerCertificate> certificate);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_TLS_GRPC_CREDENTIALS_H_
