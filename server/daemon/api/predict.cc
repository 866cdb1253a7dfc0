#include "server/daemon/api/predict.h"

#include <deque>
#include <exception>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "proto/message_text.h"
#include "proto/rpc_status.h"
#include "server/common/mutex.h"
#include "server/common/reactor.h"
#include "server/daemon/api/wire_request.h"

namespace descent::daemon {
namespace {

using server::MutexLock;
using WriteReactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

// Stands between the jobs, which bring responses, and gRPC, which takes one at a time.
class PredictCall final : public server::StreamReactor<WriteReactor>, public PredictionSink {
 public:
  // Asks the jobs; once.
  void Ask(const Requests& requests, AdmittedCall admitted, const v1::PredictJobRequest& request) {
    // The mutex is held until the prediction is known: its answers come on another thread.
    MutexLock lock(mutex_);
    absl::StatusOr<std::unique_ptr<Prediction>> prediction = requests.Predict(
        admitted.caller, request, std::static_pointer_cast<PredictCall>(shared_from_this()));
    admitted_ = std::move(admitted);
    if (prediction.ok()) {
      prediction_ = *std::move(prediction);
    } else {
      EndWith(ToGrpcStatus(prediction.status()));
    }
  }

  void OnResponse(v1::PredictJobResponse response) override {
    MutexLock lock(mutex_);
    if (ending()) return;
    waiting_.push_back(std::move(response));
    WriteNext();
  }
  void OnEnd(const absl::Status& status) override {
    MutexLock lock(mutex_);
    EndWith(ToGrpcStatus(status));
  }

  void OnCancel() override {
    MutexLock lock(mutex_);
    GiveUp();
  }

 private:
  bool NextMessage(grpc::ByteBuffer* message) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (waiting_.empty()) return false;
    *message = ToBytes(waiting_.front());
    waiting_.pop_front();
    return true;
  }

  void OnWritten(bool ok) override {
    MutexLock lock(mutex_);
    if (!ok) return GiveUp();
    if (prediction_ != nullptr) prediction_->Taken();
  }

  void OnGone() override {
    MutexLock lock(mutex_);
    prediction_ = nullptr;
    admitted_ = {};
  }

  // Ends the prediction, because the client is gone.
  void GiveUp() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    waiting_.clear();
    prediction_ = nullptr;
    EndWith(grpc::Status::CANCELLED);
  }

  AdmittedCall admitted_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Prediction> prediction_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::PredictJobResponse> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

WriteReactor* ServePredict(const Requests& requests, const grpc::ByteBuffer& bytes,
                           absl::StatusOr<AdmittedCall> admitted) {
  const auto call = std::make_shared<PredictCall>();
  try {
    v1::PredictJobRequest request;
    absl::Status status = admitted.status();
    if (status.ok()) status = ReadRequest(bytes, &request);
    if (status.ok()) {
      call->Ask(requests, *std::move(admitted), request);
    } else {
      call->OnEnd(status);
    }
  } catch (const std::exception& error) {
    call->OnEnd(absl::InternalError(error.what()));
  }
  return call->Begin();
}

}  // namespace descent::daemon
