#include "client/cpp/job_watch.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"

namespace descent::client {
namespace {

Backoff FirstBackoff() { return {absl::Milliseconds(50), absl::Seconds(2)}; }

absl::Status Cancelled() { return absl::CancelledError("the watch was cancelled"); }

}  // namespace

bool IsConnectionLoss(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return true;
    // A server that shuts down cancels its streams, and gRPC 1.51 calls some broken connections so.
    case absl::StatusCode::kCancelled:
      return true;
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kInternal:
      return absl::StrContains(status.message(), "Stream removed") ||
             absl::StrContains(status.message(), "RST_STREAM") ||
             absl::StrContains(status.message(), "Socket closed");
    default:
      return false;
  }
}

JobWatch::JobWatch(Stub* stub, Options options, Clock* clock)
    : stub_(stub),
      options_(std::move(options)),
      clock_(clock),
      cursor_(options_.after_revision),
      backoff_(FirstBackoff()) {}

JobWatch::~JobWatch() {
  Cancel();
  if (reader_ != nullptr) reader_->Finish();
}

void JobWatch::Cancel() {
  const absl::MutexLock lock(&mutex_);
  if (!cancelled_.HasBeenNotified()) cancelled_.Notify();
  if (context_ != nullptr) context_->TryCancel();
}

absl::Status JobWatch::Connect() {
  grpc::ClientContext* context = nullptr;
  {
    const absl::MutexLock lock(&mutex_);
    if (cancelled_.HasBeenNotified()) return Cancelled();
    context_ = std::make_unique<grpc::ClientContext>();
    context = context_.get();
  }
  v1::WatchJobRequest request;
  request.set_name(options_.name);
  request.set_after_revision(cursor_);
  for (const v1::EventKind kind : options_.kinds) request.add_kinds(kind);
  request.set_every(options_.every);
  reader_ = stub_->WatchJob(context, request);
  return absl::OkStatus();
}

absl::Status JobWatch::BackOff(const absl::Status& lost) {
  if (!lost_) {
    lost_ = true;
    lost_since_ = clock_->Now();
    backoff_ = FirstBackoff();
    if (options_.on_lost) options_.on_lost(lost);
  }
  if (clock_->Now() - lost_since_ + backoff_.next() > options_.give_up_after) return lost;
  clock_->Sleep(backoff_.Take(), &cancelled_);
  return cancelled_.HasBeenNotified() ? Cancelled() : absl::OkStatus();
}

absl::Status JobWatch::Advance(v1::WatchJobResponse* batch) {
  const bool all = options_.kinds.empty() && options_.every <= 1;
  int delivered = 0;
  while (delivered < batch->events_size() && batch->events(delivered).revision() <= cursor_) {
    ++delivered;
  }
  if (delivered > 0) batch->mutable_events()->DeleteSubrange(0, delivered);
  for (const v1::Event& event : batch->events()) {
    if (event.revision() <= cursor_ || (all && event.revision() != cursor_ + 1)) {
      return absl::DataLossError(
          absl::StrCat(options_.name, ": revision ", event.revision(), " came after ", cursor_));
    }
    cursor_ = event.revision();
  }
  cursor_ = std::max(cursor_, batch->scanned_revision());
  return absl::OkStatus();
}

absl::StatusOr<bool> JobWatch::Next(v1::WatchJobResponse* batch) {
  while (true) {
    if (reader_ == nullptr) {
      if (absl::Status status = Connect(); !status.ok()) return status;
    }
    batch->Clear();
    if (reader_->Read(batch)) {
      if (lost_) {
        lost_ = false;
        if (options_.on_back) options_.on_back();
      }
      if (absl::Status status = Advance(batch); !status.ok()) return status;
      return true;
    }
    const absl::Status status = FromGrpcStatus(reader_->Finish());
    reader_.reset();
    if (status.ok()) return false;
    if (cancelled_.HasBeenNotified()) return Cancelled();
    if (!IsConnectionLoss(status)) return status;
    if (absl::Status refused = BackOff(status); !refused.ok()) return refused;
  }
}

}  // namespace descent::client
