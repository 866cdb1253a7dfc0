// An `Answer` is one unary call that is answered later, from any thread, or never. If the call is
// over by then (cancelled, its deadline passed, the server shutting down), the answer is dropped,
// and what it reports happened all the same. Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_API_ANSWER_H_
#define DESCENT_SERVER_DAEMON_API_ANSWER_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/message_text.h"
#include "proto/rpc_status.h"
#include "server/common/mutex.h"
#include "server/common/reactor.h"
#include "server/daemon/security/shares.h"

namespace descent::daemon {

template <class Response>
class Answer final : public server::CallReactor<grpc::ServerUnaryReactor> {
 public:
  using Done = std::function<void(absl::StatusOr<Response>)>;

  // `response` is gRPC's, and there until the call is finished.
  explicit Answer(grpc::ByteBuffer* response) : response_(response) {}

  // Sets, once, what ends the work for this call, should its client go away first.
  void SetCancel(std::function<void()> cancel) {
    server::MutexLock lock(mutex_);
    if (!finished()) cancel_ = std::move(cancel);
  }

  // Keeps the places of the call until it is finished; to be called before it can be.
  void Hold(Share call, Share bytes) {
    server::MutexLock lock(mutex_);
    call_ = std::move(call);
    bytes_ = std::move(bytes);
  }

  // Gives the function that answers, which must be called at most once and may outlive the call.
  Done done() {
    return [self = std::static_pointer_cast<Answer>(this->shared_from_this())](
               absl::StatusOr<Response> result) { self->Give(result); };
  }

  void OnCancel() override {
    std::function<void()> cancel;
    {
      server::MutexLock lock(mutex_);
      if (finished()) return;
      cancel = std::move(cancel_);
      Finished(grpc::Status::CANCELLED);
    }
    if (cancel) cancel();
  }

 private:
  void Give(const absl::StatusOr<Response>& result) {
    server::MutexLock lock(mutex_);
    if (finished()) return;
    cancel_ = nullptr;
    if (result.ok()) *response_ = ToBytes(*result);
    Finished(ToGrpcStatus(result.status()));
  }

  // The answer may be held for long after it: by a command that waits for its iteration.
  void Finished(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    call_ = Share();
    bytes_ = Share();
    FinishOnce(status);
  }

  grpc::ByteBuffer* const response_;
  std::function<void()> cancel_ ABSL_GUARDED_BY(mutex_);
  Share call_ ABSL_GUARDED_BY(mutex_);
  Share bytes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_ANSWER_H_
