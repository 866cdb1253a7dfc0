// The part of the supervisor that has spares validate specs.

#include <algorithm>
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

// A spec that took this many workers with it takes no more.
constexpr int kMaxValidationDeaths = 2;
// What a validation that nobody wants may take: most end in a few milliseconds.
constexpr int64_t kValidationGrace = kSecond;

absl::Status ToStatus(const worker::v1::Invalid& invalid) {
  ErrorDetail detail;
  const std::string sentences = AddViolations(invalid.violations(), "", &detail);
  if (detail.reason.empty()) detail.reason = reason::kInvalidSpec;
  return MakeError(absl::StatusCode::kInvalidArgument, sentences, detail);
}

}  // namespace

int64_t Supervisor::Validate(const Caller& caller, const v1::Spec& spec, Validated done) {
  const int64_t number = ++validation_count_;
  if (stopping_) {
    done(ShuttingDown());
    return number;
  }
  validations_.Push({number, caller, spec, std::move(done), 0});
  Maintain();
  return number;
}

void Supervisor::SendToValidate(const WorkerPtr& worker, PendingValidation validation) {
  worker->state_ = Worker::State::kValidating;
  worker->busy_since_nanos_ = clock_->MonotonicNanos();
  const int64_t number = validation.number;
  DaemonMessage message;
  message.mutable_validate()->set_id(absl::StrCat(number));
  *message.mutable_validate()->mutable_spec() = validation.spec;
  validations_.Begin(worker->id(), std::move(validation));
  worker->Send(std::move(message));
  for (const int64_t wait : {kVerySoon, kSoon}) loop_->PostAfter(wait, [this] { Maintain(); });
  loop_->PostAfter(static_cast<int64_t>(options_.validation_seconds * kSecond), [this, number] {
    const WorkerPtr late = ValidatorOf(number);
    if (late == nullptr) return;
    EndValidation(
        late, MakeError(absl::StatusCode::kDeadlineExceeded,
                        absl::StrCat(
                            "The spec could not be validated within ", options_.validation_seconds,
                            " s: its data take too long to read. Give smaller files, or start "
                            "descentd with a longer --validation_seconds"),
                        reason::kValidationTooLong));
    Replace(late, "Its validation took too long");
  });
}

WorkerPtr Supervisor::ValidatorOf(int64_t number) const {
  return Find(validations_.WorkerOf(
      [number](const PendingValidation& validation) { return validation.number == number; }));
}

void Supervisor::CancelValidation(int64_t number) {
  validations_.EraseWaiting([&](const auto& validation) { return validation.number == number; });
  const WorkerPtr worker = ValidatorOf(number);
  if (worker == nullptr) return;
  validations_.Of(worker->id())->done = nullptr;
  loop_->PostAfter(kValidationGrace, [this, number] {
    const WorkerPtr late = ValidatorOf(number);
    if (late == nullptr) return;
    validations_.End(late->id());
    Replace(late, "Nobody wants its validation any more");
  });
}

void Supervisor::EndValidation(const WorkerPtr& worker, const absl::Status& status) {
  const std::optional<PendingValidation> validation = validations_.End(worker->id());
  if (validation && validation->done) validation->done(status);
}

void Supervisor::RetryValidation(const WorkerPtr& worker, const std::string& cause) {
  PendingValidation* const in_hand = validations_.Of(worker->id());
  if (in_hand == nullptr) return;
  if (++in_hand->deaths >= kMaxValidationDeaths) {
    return EndValidation(worker, MakeError(absl::StatusCode::kInternal,
                                           absl::StrCat("The spec could not be validated: ", cause),
                                           reason::kWorkerDied));
  }
  std::optional<PendingValidation> validation = validations_.End(worker->id());
  if (validation->done) validations_.PushFront(*std::move(validation));
}

void Supervisor::OnValidated(const WorkerPtr& worker, worker::v1::Validated validated) {
  const PendingValidation* const in_hand = validations_.Of(worker->id());
  if (in_hand == nullptr || validated.id() != absl::StrCat(in_hand->number)) return;
  const Validated done = std::move(validations_.End(worker->id())->done);
  worker->state_ = Worker::State::kSpare;
  // The worker holds the data now: the job that comes of this should get it.
  workers_.splice(workers_.begin(), workers_, std::find(workers_.begin(), workers_.end(), worker));
  if (!done) {
    // The validation was cancelled meanwhile.
  } else if (validated.has_valid()) {
    done(std::move(*validated.mutable_valid()));
  } else {
    done(ToStatus(validated.invalid()));
  }
  Maintain();
}

}  // namespace descent::daemon
