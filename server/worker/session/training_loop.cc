#include "server/worker/session/training_loop.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/train/non_finite.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"
#include "server/worker/session/events.h"

namespace descent::worker {
namespace {

namespace api = ::descent::v1;

}  // namespace

TrainingLoop::TrainingLoop(const v1::Start& start, std::unique_ptr<Trainer> trainer,
                           MappedData data, Inbox* inbox, Journalist* journal, ComputingTime* time,
                           const server::Clock* clock)
    : start_(start),
      trainer_(std::move(trainer)),
      data_(std::move(data)),
      journal_(journal),
      time_(time),
      checkpointer_(start_, trainer_.get()),
      evaluator_(trainer_.get(), journal, clock),
      steering_(start_, inbox,
                {.trainer = trainer_.get(),
                 .checkpointer = &checkpointer_,
                 .evaluator = &evaluator_,
                 .journal = journal,
                 .time = time}) {}

TrainingLoop::End TrainingLoop::Run() {
  checkpointer_.MakeFolder();
  if (absl::Status status = checkpointer_.Load(); !status.ok()) {
    // It is the file's fault, not the run's: the daemon has older ones.
    return Broken(std::string(status.message()));
  }
  Begin();
  while (true) {
    absl::StatusOr<Trainer::Boundary> boundary = trainer_->Current();
    // It is the device's fault: this process can't use it any more, but another one may.
    if (absl::IsUnavailable(boundary.status())) {
      return Broken(std::string(boundary.status().message()));
    }
    if (!boundary.ok()) {
      Fail(absl::StrCat("The step to iteration ", k_ + 1,
                        " failed: ", std::string(boundary.status().message())),
           reason::kStepFailed);
      return End::kFinal;
    }
    const Next next = Boundary(*boundary);
    // Such an event would be sent again and again, and no attempt would ever get past it.
    if (const std::string too_large = journal_->TakeTooLarge(); !too_large.empty()) {
      Fail(too_large, reason::kTooLarge);
      return End::kFinal;
    }
    switch (next) {
      case Next::kStep:
        break;
      case Next::kLeave:
        return End::kLeft;
      case Next::kStop:
      case Next::kFailed:
        return End::kFinal;
    }
    if (absl::Status status = trainer_->Advance(); !status.ok()) {
      Fail(std::string(status.message()), reason::kStepFailed);
      return End::kFinal;
    }
  }
}

TrainingLoop::End TrainingLoop::Broken(const std::string& problem) {
  server::LogError({.job = start_.job()}, problem);
  journal_->Write(NoticeEvent(api::Notice::ERROR, problem));
  return End::kBroken;
}

void TrainingLoop::Begin() {
  if (!trainer_->series().empty()) {
    api::Event series;
    for (const std::string& name : trainer_->series()) series.mutable_series()->add_names(name);
    journal_->Write(std::move(series));
  }
  steering_.Begin(checkpointer_.first());
}

TrainingLoop::Next TrainingLoop::Boundary(const Trainer::Boundary& boundary) {
  k_ = boundary.index;
  checkpointer_.Arrive(k_);
  evaluator_.Arrive(k_);
  FillIteration(boundary, time_->Seconds(), journal_->iteration());
  journal_->WriteIteration();
  non_finite_ = NonFinite(boundary);
  if (!non_finite_.empty()) {
    if (stops_on_non_finite()) return Diverge(non_finite_);
    // This is said once: what comes after is likely to be so, too.
    if (k_ > start_.recompute_until() && !std::exchange(non_finite_said_, true)) {
      journal_->Write(NoticeEvent(
          api::Notice::WARNING,
          absl::StrCat("At iteration ", k_, " ", non_finite_, "; on_non_finite says to go on.")));
    }
  }
  // Before recompute_until the journal has what came of the iterations.
  const bool times_decide = k_ > start_.recompute_until();
  absl::StatusOr<std::vector<StopReason>> reasons =
      trainer_->StopReasons(times_decide ? std::optional(time_->Seconds()) : std::nullopt);
  if (!reasons.ok()) return Fail(std::string(reasons.status().message()), reason::kStepFailed);
  stop_reasons_ = *std::move(reasons);
  if (absl::Status status = CheckData(); !status.ok()) {
    return Fail(std::string(status.message()), reason::kDataChanged);
  }
  absl::StatusOr<std::vector<api::Event>> events = DueEvents();
  if (!events.ok()) return Fail(std::string(events.status().message()), reason::kEvaluationFailed);
  // If a test ends the run, these events wait for its end.
  const bool diverged = stops_on_non_finite() && !non_finite_.empty();
  if ((stop_reasons_.empty() || diverged) && !events->empty()) {
    journal_->Write(std::exchange(*events, {}));
  }
  if (diverged) return Diverge(non_finite_);
  if (last() && steering_.leave()) return Next::kLeave;  // while it waited for its last checkpoint
  switch (steering_.AtBoundary(k_, last())) {
    case Steering::Next::kStop:
      return Next::kStop;
    case Steering::Next::kLeave:
      return Next::kLeave;
    case Steering::Next::kStep:
      break;
  }
  return last() ? Finish(*std::move(events)) : Next::kStep;
}

absl::Status TrainingLoop::CheckData() {
  if (data_.empty() || k_ == 0) return absl::OkStatus();
  if (!last() && k_ % trainer_->agenda().iterations_per_epoch != 0) return absl::OkStatus();
  return data_.Check(/*at_once=*/last());
}

absl::StatusOr<std::vector<api::Event>> TrainingLoop::DueEvents() {
  std::vector<api::Event> events;
  if (trainer_->has_test_data() && (last() || trainer_->agenda().EvaluationDue(k_))) {
    absl::StatusOr<api::Event> event = evaluator_.Evaluate("");
    if (!event.ok()) {
      return absl::InternalError(
          absl::StrCat("The evaluation failed: ", std::string(event.status().message())));
    }
    events.push_back(*std::move(event));
  }
  if (!last() && !trainer_->agenda().CheckpointDue(k_)) return events;
  if (stops_on_non_finite()) {
    // The value may not depend on every parameter.
    if (const std::string tensor = NonFiniteTensor(checkpointer_.Snapshot()); !tensor.empty()) {
      non_finite_ = absl::StrCat("value and gradient are finite, but ", tensor, " is not");
      return events;
    }
  }
  absl::StatusOr<api::Event> event =
      last() ? steering_.LastCheckpoint(k_, "") : checkpointer_.Save("");
  if (event.ok()) {
    // The first was told when it failed.
    if (const int64_t missed = std::exchange(missed_checkpoints_, 0); missed > 1) {
      events.push_back(NoticeEvent(
          api::Notice::WARNING,
          absl::StrCat("Before this checkpoint ", missed, " that were due could not be saved.")));
    }
    events.push_back(*std::move(event));
  } else if (!steering_.leave() && missed_checkpoints_++ == 0) {
    // An older checkpoint is still there; people may make room before the next one is due. A notice
    // of each that is missed would say the same many times a second.
    events.push_back(NoticeEvent(api::Notice::ERROR, std::string(event.status().message())));
  }
  return events;
}

TrainingLoop::Next TrainingLoop::Finish(std::vector<api::Event> events) {
  const bool stuck = std::any_of(stop_reasons_.begin(), stop_reasons_.end(),
                                 [](const StopReason& reason) { return reason.test == "stuck"; });
  if (stuck && !non_finite_.empty()) {
    journal_->Write(std::move(events));
    return Diverge(absl::StrCat(non_finite_, ", and so it stays: no step is made where it is"));
  }
  std::string reason = ToSentence(stop_reasons_);
  if (!non_finite_.empty()) {
    absl::StrAppend(&reason, reason.empty() ? "" : "; ", "not finite at the end: ", non_finite_);
  }
  events.push_back(StateEvent(steering_.state(), api::SUCCEEDED, k_, reason));
  journal_->Write(std::move(events));
  return Next::kStop;
}

std::string TrainingLoop::NonFinite(const Trainer::Boundary& boundary) {
  if (std::isfinite(boundary.value) && std::isfinite(boundary.gradient_norm)) return "";
  const std::string text = trainer_->NonFinite();
  return text.empty() ? "the norm of the gradient is beyond the largest number" : text;
}

TrainingLoop::Next TrainingLoop::Diverge(const std::string& what) {
  const bool none_saved = checkpointer_.saved_iteration() < 0 && start_.checkpoint().empty();
  return Fail(k_ == 0 ? absl::StrCat("Not finite at the starting point, iteration 0: ", what, ".")
                      : absl::StrCat("Diverged at iteration ", k_, ": ", what,
                                     ". A smaller step size or clip_by_norm may help.",
                                     none_saved ? " No checkpoint was due before." : ""),
              reason::kDiverged);
}

TrainingLoop::Next TrainingLoop::Fail(const std::string& cause, const char* error_reason) {
  server::LogError({.job = start_.job()}, cause);
  journal_->Write(FailedEvent(steering_.told_state(), k_, cause, error_reason));
  return Next::kFailed;
}

}  // namespace descent::worker
