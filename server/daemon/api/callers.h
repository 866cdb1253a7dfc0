// `Callers` says who has made a gRPC call: by its metadata, and by whether it came over the
// clients' socket; and whether he may have one more. A value of pointers; thread-safe.
#ifndef DESCENT_SERVER_DAEMON_API_CALLERS_H_
#define DESCENT_SERVER_DAEMON_API_CALLERS_H_

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/daemon/security/access.h"
#include "server/daemon/security/caller.h"
#include "server/daemon/security/shares.h"

namespace descent::daemon {

// A call that has been let in: whose it is, and its places among those that wait for an answer.
struct AdmittedCall {
  Caller caller;
  Share call = {};
  Share bytes = {};
};

class Callers {
 public:
  // How many calls may wait for an answer at a time, watches apart, and how many bytes their
  // requests may have together: what is not yet answered is in memory.
  struct Limits {
    int64_t calls = 4096;
    int64_t bytes = int64_t{256} << 20;
  };

  // `access` must outlive it. Null: everybody is an admin. Copies share the limits.
  Callers(Access* access, Limits limits);

  // Gives who it is that asks for something with a request of so many bytes. Besides what Of says,
  // RESOURCE_EXHAUSTED (`TOO_MANY_CALLS`).
  absl::StatusOr<AdmittedCall> Admit(const grpc::CallbackServerContext& context,
                                     size_t request_bytes) const;

  // Gives who it is, or why he is not let in (Access::Identify).
  absl::StatusOr<Caller> Of(const grpc::CallbackServerContext& context) const;

  // Gives OK as long as what let him in is good. Does not block.
  absl::Status Holds(const Caller& caller) const {
    return access_ == nullptr ? absl::OkStatus() : access_->Holds(caller);
  }

 private:
  Access* access_;
  std::shared_ptr<Shares> calls_;
  std::shared_ptr<Shares> bytes_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_CALLERS_H_
