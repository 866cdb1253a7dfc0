#include "client/cpp/prediction.h"

#include <grpcpp/client_context.h>

#include <utility>

#include "absl/time/clock.h"
#include "client/cpp/identity.h"
#include "proto/rpc_status.h"

namespace descent::client {
namespace {

constexpr absl::Duration kWait = absl::Milliseconds(50);

}  // namespace

Prediction::Prediction(v1::TrainingService::StubInterface* stub, v1::PredictJobRequest request,
                       std::string principal, absl::Duration retry_for)
    : stub_(stub),
      request_(std::move(request)),
      principal_(std::move(principal)),
      retry_for_(retry_for) {}

Prediction::~Prediction() {
  Cancel();
  if (reader_ != nullptr) reader_->Finish();
}

void Prediction::Cancel() {
  const absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (context_ != nullptr) context_->TryCancel();
}

absl::Status Prediction::Start() {
  grpc::ClientContext* context = nullptr;
  {
    const absl::MutexLock lock(&mutex_);
    if (cancelled_) return absl::CancelledError("cancelled");
    context_ = std::make_unique<grpc::ClientContext>();
    context_->AddMetadata(kPrincipalKey, principal_);
    context = context_.get();
  }
  reader_ = stub_->PredictJob(context, request_);
  return absl::OkStatus();
}

absl::StatusOr<bool> Prediction::Next(v1::PredictJobResponse* response) {
  const absl::Time give_up = absl::Now() + retry_for_;
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
    // One with a reason comes from a server that is there.
    const bool again = !answered_ && absl::IsUnavailable(status) &&
                       GetErrorDetail(status).reason.empty() && absl::Now() + kWait < give_up;
    if (!again) return status;
    absl::SleepFor(kWait);
  }
}

}  // namespace descent::client
