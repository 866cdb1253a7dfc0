// The part of the supervisor that has spares predict.

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/workers/supervisor.h"
#include "server/daemon/workers/violations.h"

namespace descent::daemon {
namespace {

using server::kSecond;
using worker::v1::DaemonMessage;

// So many responses, of at most half a MiB, may a worker send ahead: it bounds what a prediction
// takes of the daemon's memory, and keeps both busy.
constexpr int kCredits = 4;
// What a prediction that nobody wants may take until it hears of it.
constexpr int64_t kPredictionGrace = kSecond;

absl::Status ToStatus(const worker::v1::PredictionEnd& end) {
  const auto code = static_cast<absl::StatusCode>(end.code());
  if (code == absl::StatusCode::kOk) return absl::OkStatus();
  ErrorDetail detail{.reason = end.reason()};
  const std::string sentences = AddViolations(end.violations(), ": ", &detail);
  return MakeError(code, detail.violations.empty() ? end.message() : sentences, detail);
}

}  // namespace

absl::Status PredictionLost(const std::string& cause) {
  return MakeError(absl::StatusCode::kUnavailable,
                   absl::StrCat("The prediction was lost (", cause, "); ask again"),
                   reason::kWorkerDied);
}

void Supervisor::Predict(const std::string& id, const Caller& caller, worker::v1::Predict request,
                         PredictionCallbacks callbacks) {
  if (stopping_) return callbacks.on_end(ShuttingDown());
  request.set_id(id);
  request.set_credits(kCredits);
  predictions_.Push({caller, std::move(request), std::move(callbacks)});
  Maintain();
}

void Supervisor::SendToPredict(const WorkerPtr& worker, PendingPrediction prediction) {
  worker->state_ = Worker::State::kPredicting;
  worker->busy_since_nanos_ = clock_->MonotonicNanos();
  DaemonMessage message;
  *message.mutable_predict() = prediction.request;
  predictions_.Begin(worker->id(), std::move(prediction));
  worker->Send(std::move(message));
  loop_->PostAfter(kSoon, [this] { Maintain(); });
}

WorkerPtr Supervisor::PredictorOf(const std::string& id) const {
  return Find(predictions_.WorkerOf(
      [&](const PendingPrediction& prediction) { return prediction.request.id() == id; }));
}

void Supervisor::AllowPrediction(const std::string& id) {
  const WorkerPtr worker = PredictorOf(id);
  if (worker == nullptr) return;
  DaemonMessage message;
  message.mutable_predict_more()->set_id(id);
  message.mutable_predict_more()->set_credits(1);
  worker->Send(std::move(message));
}

void Supervisor::CancelPrediction(const std::string& id) {
  predictions_.EraseWaiting([&](const auto& pending) { return pending.request.id() == id; });
  const WorkerPtr worker = PredictorOf(id);
  if (worker == nullptr) return;
  predictions_.Of(worker->id())->callbacks = {};
  loop_->PostAfter(kPredictionGrace, [this, id] {
    // The worker may be reading its data, and deaf.
    if (const WorkerPtr late = PredictorOf(id); late != nullptr) {
      predictions_.End(late->id());
      Replace(late, "Nobody wants its prediction any more");
    }
  });
  DaemonMessage message;
  message.mutable_cancel_predict()->set_id(id);
  worker->Send(std::move(message));
}

void Supervisor::OnPrediction(const WorkerPtr& worker, worker::v1::Prediction prediction) {
  const PendingPrediction* const in_hand = predictions_.Of(worker->id());
  // It may be a response of a prediction that was given up.
  if (in_hand == nullptr || in_hand->request.id() != prediction.id()) return;
  if (prediction.has_response()) {
    if (in_hand->callbacks.on_response) {
      in_hand->callbacks.on_response(std::move(*prediction.mutable_response()));
    }
    return;
  }
  worker->state_ = Worker::State::kSpare;
  EndPrediction(worker, ToStatus(prediction.end()));
  Maintain();
}

void Supervisor::EndPrediction(const WorkerPtr& worker, const absl::Status& status) {
  const std::optional<PendingPrediction> prediction = predictions_.End(worker->id());
  if (prediction && prediction->callbacks.on_end) prediction->callbacks.on_end(status);
}

}  // namespace descent::daemon
