// `AuditServiceImpl` serves descent.v1.AuditService over gRPC. Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_API_AUDIT_H_
#define DESCENT_SERVER_DAEMON_API_AUDIT_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>

#include <utility>

#include "descent/v1/audit_service.grpc.pb.h"
#include "server/common/executor.h"
#include "server/daemon/api/callers.h"
#include "server/daemon/api/unary.h"
#include "server/daemon/requests/requests.h"
#include "server/daemon/security/access.h"

namespace descent::daemon {

// Raw, as TrainingService is.
using RawAuditService =
    v1::AuditService::WithRawCallbackMethod_ListAuditEntries<v1::AuditService::Service>;

class AuditServiceImpl final : public RawAuditService {
 public:
  // `access` must outlive it; it may be null.
  AuditServiceImpl(Requests requests, Callers callers)
      : callers_(std::move(callers)), requests_(std::move(requests)) {}

  grpc::ServerUnaryReactor* ListAuditEntries(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override {
    return ServeOn(reading_, requests_, callers_, {context, request, response},
                   &Requests::ListAuditEntries);
  }

 private:
  const Callers callers_;
  const Requests requests_;
  server::Executor reading_{1};  // it reads all journals, and others need not wait for that
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_AUDIT_H_
