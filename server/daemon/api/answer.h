#ifndef DESCENT_SERVER_DAEMON_API_ANSWER_H_
#define DESCENT_SERVER_DAEMON_API_ANSWER_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "proto/message_text.h"
#include "proto/rpc_status.h"

namespace descent::daemon {

// One unary call that is answered later, from any thread, or never.
//
// gRPC owns the reactor and deletes it through OnDone. Whoever answers holds the slot only: if the
// call is over by then (cancelled, its deadline passed, the server shutting down), the answer is
// dropped, and what it reports happened all the same. Finish is called exactly once, by whoever
// empties the slot.
template <class Response>
class Answer : public grpc::ServerUnaryReactor {
 public:
  using Done = std::function<void(absl::StatusOr<Response>)>;

  explicit Answer(grpc::ByteBuffer* response) : slot_(std::make_shared<Slot>(this, response)) {}

  // What ends the work for this call, should its client go away first; once, from Serve.
  void SetCancel(std::function<void()> cancel) {
    absl::MutexLock lock(&slot_->mutex);
    if (slot_->answer != nullptr) slot_->cancel = std::move(cancel);
  }

  // To be called at most once; may outlive the call.
  Done done() {
    return [slot = slot_](absl::StatusOr<Response> result) {
      grpc::ByteBuffer* response = slot->response;
      Answer* answer = slot->Take();
      if (answer == nullptr) return;
      // From here to Finish the reactor, and so the response, can't go away.
      const grpc::Status status = ToGrpcStatus(result.status());
      if (result.ok()) *response = ToBytes(*result);
      answer->Finish(status);
    };
  }

  void OnCancel() override {
    std::function<void()> cancel;
    {
      absl::MutexLock lock(&slot_->mutex);
      if (std::exchange(slot_->answer, nullptr) == nullptr) return;
      cancel = std::move(slot_->cancel);
    }
    if (cancel) cancel();
    Finish(grpc::Status::CANCELLED);
  }

  void OnDone() override { delete this; }

 private:
  struct Slot {
    Slot(Answer* answer, grpc::ByteBuffer* response) : response(response), answer(answer) {}

    Answer* Take() {
      absl::MutexLock lock(&mutex);
      cancel = nullptr;
      return std::exchange(answer, nullptr);
    }

    grpc::ByteBuffer* const response;
    absl::Mutex mutex;
    Answer* answer ABSL_GUARDED_BY(mutex);  // null once somebody has answered
    std::function<void()> cancel ABSL_GUARDED_BY(mutex) = {};
  };

  const std::shared_ptr<Slot> slot_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_ANSWER_H_
