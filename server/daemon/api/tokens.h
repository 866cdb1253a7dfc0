// `TokenServiceImpl` serves descent.v1.TokenService over gRPC. Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_API_TOKENS_H_
#define DESCENT_SERVER_DAEMON_API_TOKENS_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>

#include <utility>

#include "descent/v1/token_service.grpc.pb.h"
#include "server/common/executor.h"
#include "server/daemon/api/callers.h"
#include "server/daemon/api/unary.h"
#include "server/daemon/requests/request_counts.h"
#include "server/daemon/requests/token_requests.h"
#include "server/daemon/security/access.h"

namespace descent::daemon {

// Raw, as TrainingService is: a request that can't be read is answered by us, with a text.
using RawTokenService = v1::TokenService::WithRawCallbackMethod_CreateToken<
    v1::TokenService::WithRawCallbackMethod_ListTokens<
        v1::TokenService::WithRawCallbackMethod_RevokeToken<
            v1::TokenService::WithRawCallbackMethod_CreateLoginCode<v1::TokenService::Service>>>>;

class TokenServiceImpl final : public RawTokenService {
 public:
  // What is pointed to must outlive it, and may be null.
  TokenServiceImpl(Access* access, Callers callers, RequestCounts* counts, AuditLog* audit)
      : callers_(std::move(callers)), requests_(access, counts, audit) {}

  grpc::ServerUnaryReactor* CreateToken(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return ServeOn(writing_, requests_, callers_, {context, request, response},
                   &TokenRequests::Create);
  }

  grpc::ServerUnaryReactor* ListTokens(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return ServeOn(writing_, requests_, callers_, {context, request, response},
                   &TokenRequests::List);
  }

  grpc::ServerUnaryReactor* RevokeToken(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return ServeOn(writing_, requests_, callers_, {context, request, response},
                   &TokenRequests::Revoke);
  }

  grpc::ServerUnaryReactor* CreateLoginCode(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override {
    return ServeOn(writing_, requests_, callers_, {context, request, response},
                   &TokenRequests::DrawLoginCode);
  }

 private:
  const Callers callers_;
  const TokenRequests requests_;
  server::Executor writing_{1};  // tokens are written one after the other anyway
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_TOKENS_H_
