// `Callers` says who has made a gRPC call: by its metadata, and by whether it came over the
// clients' socket. A value of one pointer; thread-safe.
#ifndef DESCENT_SERVER_DAEMON_API_CALLERS_H_
#define DESCENT_SERVER_DAEMON_API_CALLERS_H_

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/daemon/security/access.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class Callers {
 public:
  // `access` must outlive it. Null: everybody is an admin.
  explicit Callers(Access* access) : access_(access) {}

  // Gives who it is, or why he is not let in (Access::Identify).
  absl::StatusOr<Caller> Of(const grpc::CallbackServerContext& context) const;

  // Gives OK as long as what let him in is good. Does not block.
  absl::Status Holds(const Caller& caller) const {
    return access_ == nullptr ? absl::OkStatus() : access_->Holds(caller);
  }

 private:
  Access* access_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_CALLERS_H_
