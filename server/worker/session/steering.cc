#include "server/worker/session/steering.h"

#include <chrono>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/train/dial_board.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"
#include "server/worker/session/events.h"

namespace descent::worker {
namespace {

namespace api = ::descent::v1;

constexpr int kFailedPrecondition = 9;     // google.rpc.Code
constexpr std::chrono::seconds kRetry(1);  // until a checkpoint that failed is tried again

}  // namespace

Steering::Steering(const v1::Start& start, Inbox* inbox, const Run& run)
    : start_(start), inbox_(inbox), run_(run) {
  for (const v1::Scripted& scripted : start_.script()) {
    waiting_.Know(scripted.request().request_id());
  }
  for (const Request& request : start_.unresolved()) waiting_.Add(request);
}

void Steering::Begin(int64_t first) {
  if (start_.recompute_until() < first) Announce();
}

Steering::Next Steering::AtBoundary(int64_t iteration, bool ends) {
  iteration_ = iteration;
  // While nothing is asked, this is all that a boundary costs.
  const bool scripted = next_scripted_ < start_.script_size() &&
                        start_.script(next_scripted_).iteration() == iteration_;
  if (announced_ && !scripted && !paused_ && !ends && !waiting_.DueAt(iteration_) &&
      !inbox_->HasNews()) {
    return Next::kStep;
  }
  ApplyScript();
  if (!announced_ && !computed_before() && !stop_) Announce();
  while (true) {
    TakeNews();
    if (ends && !stop_) {
      RejectAll(absl::StrCat("The run ended at iteration ", iteration_, "."));
      return Next::kStep;
    }
    if (!computed_before() && !stop_) ApplyDue();
    if (stop_) {
      run_.journal->Write(StateEvent(state(), api::STOPPED, iteration_, stop_reason_));
      return Next::kStop;
    }
    if (leave_) {
      if (absl::StatusOr<api::Event> event = run_.checkpointer->Save(""); event.ok()) {
        run_.journal->Write(*std::move(event));
      } else {
        server::LogError({.job = start_.job()}, std::string(event.status().message()));
      }
      return Next::kLeave;
    }
    // For what is computed again, the journal has the resume that belongs to every pause.
    if (!paused_ || computed_before()) return Next::kStep;
    const ComputingTime::Pause pause(run_.time);
    inbox_->Wait();
  }
}

absl::StatusOr<api::Event> Steering::LastCheckpoint(int64_t iteration,
                                                    const std::string& request_id) {
  absl::StatusOr<api::Event> event = run_.checkpointer->Save(request_id);
  if (event.ok()) return event;
  // All that was computed since the last checkpoint is in this process alone.
  const ComputingTime::Pause pause(run_.time);
  api::Event notice = NoticeEvent(
      api::Notice::ERROR,
      absl::StrCat("The last checkpoint can't be saved: ", std::string(event.status().message()),
                   " The run waits, and ends as soon as it can be."));
  notice.mutable_notice()->set_waits(true);
  run_.journal->Write(std::move(notice));
  while (!event.ok()) {
    inbox_->WaitFor(kRetry);
    TakeNews();
    if (leave_) break;
    if (iteration >= start_.recompute_until()) {
      RejectAll(absl::StrCat(
          "The run waits at its end, iteration ", iteration,
          ", until its last checkpoint can be saved: ", std::string(event.status().message())));
    }
    run_.checkpointer->MakeFolder();
    event = run_.checkpointer->Save(request_id);
  }
  return event;
}

void Steering::ApplyScript() {
  while (next_scripted_ < start_.script_size() &&
         start_.script(next_scripted_).iteration() == iteration_) {
    const v1::Scripted& scripted = start_.script(next_scripted_++);
    Apply(scripted.request(), /*scripted=*/true,
          scripted.has_reapplied_from() ? std::optional(scripted.reapplied_from()) : std::nullopt);
    if (stop_) break;
  }
}

void Steering::TakeNews() {
  while (std::optional<v1::DaemonMessage> message = inbox_->TryTake()) {
    if (message->has_leave()) {
      leave_ = true;
    } else if (message->has_command()) {
      waiting_.Add(std::move(*message->mutable_command()->mutable_request()));
    }
  }
}

void Steering::ApplyDue() {
  if (!waiting_.DueAt(iteration_)) return;
  const int64_t last_iteration = run_.trainer->agenda().iterations;
  const bool leaving = leave_;
  for (Request& request : waiting_.Take()) {
    // The worker was asked to leave while a stop waited for its checkpoint: the stop, and all after
    // it, are the next attempt's.
    if (leave_ != leaving) return;
    const bool timed = request.has_at_iteration();
    if (stop_) {
      RejectStopped(request);
    } else if (timed && request.at_iteration() < iteration_) {
      Reject(request, {kFailedPrecondition,
                       absl::StrCat("Iteration ", request.at_iteration(),
                                    " has passed: the run is at ", iteration_, "."),
                       reason::kIterationPassed, "at_iteration"});
    } else if (timed && request.at_iteration() >= last_iteration) {
      Reject(request, {kFailedPrecondition,
                       absl::StrCat("The run ends at iteration ", last_iteration,
                                    "; a command has an effect at 0 to ", last_iteration - 1, "."),
                       reason::kRunEnded, "at_iteration"});
    } else if (timed && request.at_iteration() > iteration_) {
      waiting_.PutBack(std::move(request));
    } else {
      Apply(request, /*scripted=*/false, std::nullopt);
    }
  }
  if (!stop_) return;
  for (const Request& request : waiting_.Take()) RejectStopped(request);
}

void Steering::RejectStopped(const Request& request) {
  Reject(request,
         {kFailedPrecondition, absl::StrCat("The run was stopped at iteration ", iteration_, "."),
          reason::kRunEnded, ""});
}

void Steering::RejectAll(const std::string& why) {
  for (const Request& request : waiting_.Take()) {
    Reject(request, {kFailedPrecondition, why, reason::kRunEnded, ""});
  }
}

void Steering::Apply(const Request& request, bool scripted, std::optional<int64_t> reapplied_from) {
  run_.checkpointer->Snapshot();
  const api::JobState before = state();
  DialBoard& board = run_.trainer->dials();
  const DialBoard::States dials = board.Save();
  std::variant<Effect, Refusal> result = ApplyCommands(
      request, paused_, scripted ? std::nullopt : std::optional(start_.spec().execution().dtype()),
      &board);
  if (const auto* refusal = std::get_if<Refusal>(&result)) return Reject(request, *refusal);
  Effect& effect = std::get<Effect>(result);

  std::vector<api::Event> events;
  const auto add = [&](absl::StatusOr<api::Event> event, const char* reason) {
    if (event.ok()) {
      events.push_back(*std::move(event));
      return true;
    }
    board.Restore(dials);
    Reject(request, {static_cast<int>(event.status().code()), std::string(event.status().message()),
                     reason, ""});
    return false;
  };
  if (effect.evaluate > 0 &&
      !add(run_.evaluator->Evaluate(request.request_id()), reason::kEvaluationFailed)) {
    return;
  }
  if (effect.stop && run_.checkpointer->saved_iteration() != iteration_) {
    absl::StatusOr<api::Event> event = LastCheckpoint(iteration_, request.request_id());
    if (!event.ok()) return board.Restore(dials);  // the next attempt is told of it
    events.push_back(*std::move(event));
  } else if (effect.checkpoint > 0 &&
             !add(run_.checkpointer->Save(request.request_id()), reason::kCheckpointFailed)) {
    return;
  }

  paused_ = effect.paused;
  if (effect.stop) {
    stop_ = true;
    stop_reason_ = request.principal().empty()
                       ? "Stopped."
                       : absl::StrCat("Stopped by ", request.principal(), ".");
  }
  events.push_back(AppliedEvent(request, iteration_, &effect, reapplied_from));
  if (announced_ && !stop_ && state() != before) {
    events.push_back(StateEvent(before, state(), iteration_, ""));
  }
  run_.journal->Write(std::move(events));
  waiting_.Answered(request.request_id());
}

void Steering::Reject(const Request& request, const Refusal& refusal) {
  run_.journal->Write(RejectedEvent(request, refusal));
  waiting_.Answered(request.request_id());
}

void Steering::Announce() {
  announced_ = true;
  run_.journal->Write(StateEvent(StateBeforeRunning(start_), state(), iteration_, ""));
}

api::JobState Steering::state() const { return paused_ ? api::PAUSED : api::RUNNING; }

api::JobState Steering::told_state() const {
  return announced_ ? state() : StateBeforeRunning(start_);
}

}  // namespace descent::worker
