#include "server/daemon/api/predict.h"

#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/message_text.h"
#include "proto/rpc_status.h"
#include "server/daemon/api/wire_request.h"

namespace descent::daemon {
namespace {

using Reactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

// Between the jobs, which bring responses, and gRPC's reactor, which takes one at a time: held by
// both, and so there for as long as either. One write in flight; Finish once, as the last thing
// that the reactor is asked for.
class PredictStream final : public PredictionSink {
 public:
  explicit PredictStream(Reactor* reactor) : reactor_(reactor) {}

  // Once.
  void Begin(const Requests& requests, const Caller& caller, const v1::PredictJobRequest& request,
             const std::shared_ptr<PredictStream>& self) {
    // Held until the prediction is known: its answers come on another thread.
    absl::MutexLock lock(&mutex_);
    absl::StatusOr<std::unique_ptr<Prediction>> prediction =
        requests.Predict(caller, request, self);
    if (prediction.ok()) {
      prediction_ = *std::move(prediction);
    } else {
      end_ = prediction.status();
      WriteNext();
    }
  }

  void OnResponse(v1::PredictJobResponse response) override {
    absl::MutexLock lock(&mutex_);
    if (end_) return;
    waiting_.push_back(std::move(response));
    WriteNext();
  }
  void OnEnd(const absl::Status& status) override { End(status); }
  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (!end_) end_ = status;
    WriteNext();
  }

  void OnWriteDone(bool ok) {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (ok && prediction_ != nullptr) prediction_->Taken();
    if (!ok) GiveUp();
    WriteNext();
  }
  void OnCancel() {
    absl::MutexLock lock(&mutex_);
    GiveUp();
    WriteNext();
  }
  void OnDone() {
    absl::MutexLock lock(&mutex_);
    prediction_ = nullptr;
  }

 private:
  void GiveUp() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    waiting_.clear();
    prediction_ = nullptr;
    end_ = absl::CancelledError("the client is gone");
  }

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || reactor_ == nullptr) return;
    if (!waiting_.empty()) {
      writing_ = true;
      current_ = ToBytes(waiting_.front());
      waiting_.pop_front();
      reactor_->StartWrite(&current_);
    } else if (end_) {
      std::exchange(reactor_, nullptr)->Finish(ToGrpcStatus(*end_));
    }
  }

  absl::Mutex mutex_;
  Reactor* reactor_ ABSL_GUARDED_BY(mutex_);  // null once finished
  std::unique_ptr<Prediction> prediction_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::PredictJobResponse> waiting_ ABSL_GUARDED_BY(mutex_);
  grpc::ByteBuffer current_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

// gRPC owns it and deletes it through OnDone.
class PredictReactor final : public Reactor {
 public:
  PredictReactor() : stream_(std::make_shared<PredictStream>(this)) {}

  const std::shared_ptr<PredictStream>& stream() { return stream_; }

  void OnWriteDone(bool ok) override { stream_->OnWriteDone(ok); }
  void OnCancel() override { stream_->OnCancel(); }
  void OnDone() override {
    stream_->OnDone();
    delete this;
  }

 private:
  const std::shared_ptr<PredictStream> stream_;
};

}  // namespace

Reactor* ServePredict(const Requests& requests, const grpc::ByteBuffer& bytes,
                      const absl::StatusOr<Caller>& caller) {
  auto* reactor = new PredictReactor();
  // The reactor may be gone as soon as it is finished.
  const std::shared_ptr<PredictStream> stream = reactor->stream();
  try {
    v1::PredictJobRequest request;
    absl::Status status = ReadRequest(bytes, &request);
    if (status.ok()) status = caller.status();
    if (status.ok()) {
      stream->Begin(requests, *caller, request, stream);
    } else {
      stream->End(status);
    }
  } catch (const std::exception& error) {
    stream->End(absl::InternalError(error.what()));
  }
  return reactor;
}

}  // namespace descent::daemon
