#include "client/cpp/prediction.h"

#include <grpcpp/client_context.h>

#include <utility>

#include "proto/rpc_status.h"

namespace descent::client {
namespace {

constexpr absl::Duration kWait = absl::Milliseconds(50);

}  // namespace

Prediction::Prediction(Stub* stub, v1::PredictJobRequest request, absl::Duration retry_for,
                       Clock* clock)
    : stub_(stub), request_(std::move(request)), retry_for_(retry_for), clock_(clock) {}

Prediction::~Prediction() {
  Cancel();
  if (reader_ != nullptr) reader_->Finish();
}

void Prediction::Cancel() {
  const absl::MutexLock lock(&mutex_);
  if (!cancelled_.HasBeenNotified()) cancelled_.Notify();
  if (context_ != nullptr) context_->TryCancel();
}

absl::Status Prediction::Start() {
  grpc::ClientContext* context = nullptr;
  {
    const absl::MutexLock lock(&mutex_);
    if (cancelled_.HasBeenNotified()) return absl::CancelledError("cancelled");
    context_ = std::make_unique<grpc::ClientContext>();
    context = context_.get();
  }
  reader_ = stub_->PredictJob(context, request_);
  return absl::OkStatus();
}

absl::StatusOr<bool> Prediction::Next(v1::PredictJobResponse* response) {
  const absl::Time give_up = clock_->Now() + retry_for_;
  while (true) {
    if (reader_ == nullptr) {
      if (absl::Status status = Start(); !status.ok()) return status;
    }
    if (reader_->Read(response)) {
      answered_ = true;
      return true;
    }
    const absl::Status status = FromGrpcStatus(reader_->Finish());
    reader_ = nullptr;
    if (status.ok()) return false;
    // An error with a reason comes from a server that is there.
    const bool again = !answered_ && absl::IsUnavailable(status) &&
                       GetErrorDetail(status).reason.empty() && clock_->Now() + kWait < give_up;
    if (!again) return status;
    clock_->Sleep(kWait, &cancelled_);
  }
}

}  // namespace descent::client
