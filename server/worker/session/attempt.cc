#include "server/worker/session/attempt.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/text/exception_text.h"
#include "core/text/utf8.h"
#include "core/train/non_finite.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"
#include "server/worker/bridge/prepare.h"
#include "server/worker/session/evaluation_parts.h"

namespace descent::worker {
namespace {

constexpr int kFailedPrecondition = 9;     // google.rpc.Code
constexpr size_t kMaxText = 4096;          // of a reason or a notice
constexpr std::chrono::seconds kRetry(1);  // until a checkpoint that failed is tried again

// Data files are looked at no more often than this.
constexpr int64_t kDataCheckNanos = 100'000'000;

// More than can be open at a time, so that whatever is delivered again is known.
constexpr size_t kAnsweredKept = 4096;

// Whether a tensor is a part of a mapped file, and no copy.
bool IsIn(std::string_view mapped, const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_cpu() || tensor.numel() == 0) return false;
  const auto* at = static_cast<const char*>(tensor.const_data_ptr());
  return at >= mapped.data() && at < mapped.data() + mapped.size();
}

// The files that the run reads from while it trains.
std::vector<FileDigest> MappedFiles(const Prepared& prepared) {
  std::vector<FileDigest> mapped;
  const auto add = [&](const Dataset& data) {
    for (const FileDigest& file : data.files) {
      if (!file.mapped.has_value()) continue;
      const std::string_view bytes = file.mapped->bytes;
      if (IsIn(bytes, data.inputs) || IsIn(bytes, data.targets) || IsIn(bytes, data.weights)) {
        mapped.push_back(file);
      }
    }
  };
  add(prepared.train);
  if (prepared.test) add(*prepared.test);
  for (const PreparedPlayer& player : prepared.players) {
    add(player.train);
    if (player.test) add(*player.test);
  }
  return mapped;
}

std::string Describe(const Violations& violations) {
  const Violation& first = violations.list().front();
  return first.field.empty() ? first.description
                             : absl::StrCat(first.field, ": ", first.description);
}

}  // namespace

Attempt::Attempt(v1::Start start, DataCache* cache, Inbox* inbox, Outbox* outbox, Clock* clock)
    : start_(Resolved(std::move(start))),
      cache_(cache),
      inbox_(inbox),
      clock_(clock),
      journal_(start_.attempt(), start_.branch(), outbox, clock) {
  for (const v1::Scripted& scripted : start_.script()) {
    known_.insert(scripted.request().request_id());
  }
  for (const Accepted& request : start_.unresolved()) {
    Await(request);
  }
}

// A journal from before there was `on_non_finite` goes on as it did.
v1::Start Attempt::Resolved(v1::Start start) {
  if (!start.spec().has_on_non_finite()) {
    start.mutable_spec()->set_on_non_finite(api::Spec::CONTINUE);
  }
  return start;
}

Attempt::End Attempt::Run() {
  began_nanos_ = clock_->MonotonicNanos();
  if (absl::Status status = Build(); !status.ok()) {
    Fail(std::string(status.message()),
         absl::IsDataLoss(status) ? reason::kDataChanged : reason::kPreparationFailed);
    return End::kFinal;
  }
  if (absl::Status status = LoadCheckpoint(); !status.ok()) {
    // The file's fault, not the run's: the daemon has older ones.
    return Broken(std::string(status.message()));
  }
  Begin();
  while (true) {
    absl::StatusOr<Trainer::Boundary> boundary = trainer_->Current();
    // The device's fault: this process can't use it any more, but another one may.
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
    // Sent again and again it would go round for ever.
    if (const std::string too_large = journal_.TakeTooLarge(); !too_large.empty()) {
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

Attempt::End Attempt::Broken(const std::string& problem) {
  server::LogError(start_.job(), problem);
  journal_.Write(NoticeEvent(api::Notice::ERROR, problem));
  return End::kBroken;
}

absl::Status Attempt::Build() try {
  std::variant<Prepared, Violations> result = Prepare(start_.spec(), cache_);
  if (const auto* violations = std::get_if<Violations>(&result)) {
    return absl::InvalidArgumentError(Describe(*violations));
  }
  Prepared& prepared = std::get<Prepared>(result);
  if (absl::Status s = CheckDigests(prepared, start_.summary()); !s.ok()) return s;
  mapped_ = MappedFiles(prepared);
  at::set_num_threads(prepared.spec.execution().threads());
  absl::StatusOr<std::unique_ptr<Trainer>> trainer = MakeTrainer(std::move(prepared));
  if (!trainer.ok()) return trainer.status();
  trainer_ = *std::move(trainer);
  std::error_code ignored;
  std::filesystem::create_directories(start_.checkpoint_dir(), ignored);
  return absl::OkStatus();
} catch (const std::exception& error) {  // LibTorch's, or no memory
  return absl::InternalError(
      absl::StrCat("The run can't be prepared: ", ExceptionText(error), "."));
}

absl::Status Attempt::LoadCheckpoint() {
  if (!start_.checkpoint().empty()) {
    const std::string path = rules::CheckpointPath(start_.checkpoint_dir(), start_.checkpoint());
    absl::StatusOr<int64_t> iteration = trainer_->Load(path, start_.checkpoint_sha256());
    if (!iteration.ok()) return iteration.status();
    first_ = *iteration;
    if (start_.checkpoint() == rules::CheckpointName(start_.branch(), first_)) {
      std::error_code ignored;
      saved_iteration_ = first_;
      saved_ = {start_.checkpoint_sha256(),
                static_cast<int64_t>(std::filesystem::file_size(path, ignored))};
    }
  }
  if (start_.script_size() > 0 && start_.script(0).iteration() < first_) {
    return absl::InternalError(absl::StrCat("The script begins at iteration ",
                                            start_.script(0).iteration(),
                                            ", before the checkpoint at ", first_, "."));
  }
  return absl::OkStatus();
}

void Attempt::Begin() {
  if (!trainer_->series().empty()) {
    Event series;
    for (const std::string& name : trainer_->series()) series.mutable_series()->add_names(name);
    journal_.Write(std::move(series));
  }
  if (start_.recompute_until() < first_) Announce();
}

Attempt::Next Attempt::Boundary(const Trainer::Boundary& boundary) {
  k_ = boundary.index;
  snapshot_.reset();
  evaluation_seconds_.reset();
  WriteIteration(boundary);
  non_finite_ = NonFinite(boundary);
  if (!non_finite_.empty()) {
    if (stops_on_non_finite()) return Diverge(non_finite_);
    // Once: what comes after is likely to be so, too.
    if (k_ > start_.recompute_until() && !std::exchange(non_finite_said_, true)) {
      journal_.Write(NoticeEvent(
          api::Notice::WARNING,
          absl::StrCat("At iteration ", k_, " ", non_finite_, "; on_non_finite says to go on.")));
    }
  }
  // The journal has what came of the iterations before.
  const bool times_decide = k_ > start_.recompute_until();
  absl::StatusOr<std::vector<StopReason>> reasons =
      trainer_->StopReasons(times_decide ? std::optional(ElapsedSeconds()) : std::nullopt);
  if (!reasons.ok()) {
    Fail(std::string(reasons.status().message()), reason::kStepFailed);
    return Next::kFailed;
  }
  stop_reasons_ = *std::move(reasons);
  if (absl::Status status = CheckData(); !status.ok()) {
    Fail(std::string(status.message()), reason::kDataChanged);
    return Next::kFailed;
  }
  absl::StatusOr<std::vector<Event>> events = DueEvents();
  if (!events.ok()) {
    Fail(std::string(events.status().message()), reason::kEvaluationFailed);
    return Next::kFailed;
  }
  // Those of an end by a test wait for the end.
  const bool diverged = stops_on_non_finite() && !non_finite_.empty();
  if ((stop_reasons_.empty() || diverged) && !events->empty()) {
    journal_.Write(std::exchange(*events, {}));
  }
  if (diverged) return Diverge(non_finite_);
  if (last() && leave_) return Next::kLeave;  // while it waited for its last checkpoint
  const Next next = CommandStage();
  if (next != Next::kStep || !last()) return next;
  const bool stuck = std::any_of(stop_reasons_.begin(), stop_reasons_.end(),
                                 [](const StopReason& reason) { return reason.test == "stuck"; });
  if (stuck && !non_finite_.empty()) {
    journal_.Write(*std::move(events));
    return Diverge(absl::StrCat(non_finite_, ", and so it stays: no step is made where it is"));
  }
  std::string reason = ToSentence(stop_reasons_);
  if (!non_finite_.empty()) {
    absl::StrAppend(&reason, reason.empty() ? "" : "; ", "not finite at the end: ", non_finite_);
  }
  events->push_back(StateEvent(state(), api::SUCCEEDED, reason));
  journal_.Write(*std::move(events));
  return Next::kStop;
}

absl::Status Attempt::CheckData() {
  if (mapped_.empty() || k_ == 0) return absl::OkStatus();
  if (!last() && k_ % trainer_->agenda().iterations_per_epoch != 0) return absl::OkStatus();
  const int64_t now = clock_->MonotonicNanos();
  // An epoch may take no longer than to look at a file.
  if (!last() && now - data_checked_nanos_ < kDataCheckNanos) return absl::OkStatus();
  data_checked_nanos_ = now;
  for (FileDigest& file : mapped_) {
    if (absl::Status status = CheckUnchanged(&file, cache_->roots()); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Attempt::Event>> Attempt::DueEvents() {
  std::vector<Event> events;
  if (trainer_->has_test_data() && (last() || trainer_->agenda().EvaluationDue(k_))) {
    absl::StatusOr<Event> event = EvaluationEvent("");
    if (!event.ok()) {
      return absl::InternalError(
          absl::StrCat("The evaluation failed: ", std::string(event.status().message())));
    }
    events.push_back(*std::move(event));
  }
  if (!last() && !trainer_->agenda().CheckpointDue(k_)) return events;
  if (stops_on_non_finite()) {
    // The value may not depend on every parameter.
    if (const std::string tensor = NonFiniteTensor(Snapshot()); !tensor.empty()) {
      non_finite_ = absl::StrCat("value and gradient are finite, but ", tensor, " is not");
      return events;
    }
  }
  absl::StatusOr<Event> event = last() ? LastCheckpoint() : CheckpointEvent("");
  if (event.ok()) {
    events.push_back(*std::move(event));
  } else if (!leave_) {
    // An older checkpoint is still there; people may make room before the next one is due.
    events.push_back(NoticeEvent(api::Notice::ERROR, std::string(event.status().message())));
  }
  return events;
}

absl::StatusOr<Attempt::Event> Attempt::LastCheckpoint() {
  absl::StatusOr<Event> event = CheckpointEvent("");
  if (event.ok()) return event;
  // All that was computed since the last one is in this process alone.
  const int64_t since = clock_->MonotonicNanos();
  journal_.Write(NoticeEvent(
      api::Notice::ERROR,
      absl::StrCat("The last checkpoint can't be saved: ", std::string(event.status().message()),
                   " The run waits, and ends as soon as it can be.")));
  while (!event.ok()) {
    inbox_->WaitFor(kRetry);
    TakeNews();
    if (leave_) break;
    if (k_ >= start_.recompute_until()) {
      RejectAll(absl::StrCat(
          "The run waits at its end, iteration ", k_,
          ", until its last checkpoint can be saved: ", std::string(event.status().message())));
    }
    std::error_code ignored;
    std::filesystem::create_directories(start_.checkpoint_dir(), ignored);
    event = CheckpointEvent("");
  }
  paused_nanos_ += clock_->MonotonicNanos() - since;
  return event;
}

void Attempt::WriteIteration(const Trainer::Boundary& boundary) {
  api::Iteration* iteration = journal_.iteration();
  iteration->set_index(boundary.index);
  iteration->set_value(boundary.value);
  iteration->set_gradient_norm(boundary.gradient_norm);
  iteration->set_samples(boundary.samples);
  iteration->set_epoch(boundary.epoch);
  iteration->set_elapsed_seconds(ElapsedSeconds());
  iteration->clear_scalars();
  for (const double scalar : boundary.scalars) iteration->add_scalars(scalar);
  if (boundary.step_size) {
    iteration->set_step_size(*boundary.step_size);
  } else {
    iteration->clear_step_size();
  }
  journal_.WriteIteration();
}

Attempt::Next Attempt::CommandStage() {
  // While nothing is asked, this is all that a boundary costs.
  const bool scripted =
      next_scripted_ < start_.script_size() && start_.script(next_scripted_).iteration() == k_;
  const bool last = this->last();
  if (announced_ && !scripted && !paused_ && !last && k_ < due_ && !inbox_->HasNews()) {
    return Next::kStep;
  }
  ApplyScript();
  if (!announced_ && k_ >= start_.recompute_until() && !stop_) Announce();
  while (true) {
    TakeNews();
    if (last && !stop_) {
      RejectAll(absl::StrCat("The run ended at iteration ", k_, "."));
      return Next::kStep;
    }
    if (k_ >= start_.recompute_until() && !stop_) ApplyDue();
    if (stop_) {
      journal_.Write(StateEvent(state(), api::STOPPED, stop_reason_));
      return Next::kStop;
    }
    if (leave_) {
      if (absl::StatusOr<Event> event = CheckpointEvent(""); event.ok()) {
        journal_.Write(*std::move(event));
      } else {
        server::LogError(start_.job(), std::string(event.status().message()));
      }
      return Next::kLeave;
    }
    // Before recompute_until, the journal has the resume that belongs to every pause.
    if (!paused_ || k_ < start_.recompute_until()) return Next::kStep;
    const int64_t since = clock_->MonotonicNanos();
    inbox_->Wait();
    paused_nanos_ += clock_->MonotonicNanos() - since;
  }
}

void Attempt::ApplyScript() {
  while (next_scripted_ < start_.script_size() && start_.script(next_scripted_).iteration() == k_) {
    const v1::Scripted& scripted = start_.script(next_scripted_++);
    Apply(scripted.request(),
          scripted.has_reapplied_from() ? std::optional(scripted.reapplied_from()) : std::nullopt);
    if (stop_) break;
  }
}

void Attempt::TakeNews() {
  while (std::optional<v1::DaemonMessage> message = inbox_->TryTake()) {
    if (message->has_leave()) {
      leave_ = true;
    } else if (message->has_command()) {
      Await(std::move(*message->mutable_command()->mutable_request()));
    }
  }
}

void Attempt::Await(Accepted request) {
  if (!known_.insert(request.request_id()).second) return;
  due_ = 0;  // looked at once: it may be for an iteration that will never come
  waiting_.push_back(std::move(request));
}

void Attempt::ApplyDue() {
  if (k_ < due_) return;
  std::vector<Accepted> requests = std::exchange(waiting_, {});
  due_ = std::numeric_limits<int64_t>::max();
  for (Accepted& request : requests) {
    const bool timed = request.has_at_iteration();
    if (stop_) {
      Reject(request,
             {kFailedPrecondition, absl::StrCat("The run was stopped at iteration ", k_, "."),
              reason::kRunEnded, ""});
    } else if (timed && request.at_iteration() < k_) {
      Reject(request, {kFailedPrecondition,
                       absl::StrCat("Iteration ", request.at_iteration(),
                                    " has passed: the run is at ", k_, "."),
                       reason::kIterationPassed, "at_iteration"});
    } else if (timed && request.at_iteration() >= last_iteration()) {
      Reject(request,
             {kFailedPrecondition,
              absl::StrCat("The run ends at iteration ", last_iteration(),
                           "; a command has an effect at 0 to ", last_iteration() - 1, "."),
              reason::kRunEnded, "at_iteration"});
    } else if (timed && request.at_iteration() > k_) {
      due_ = std::min(due_, request.at_iteration());
      waiting_.push_back(std::move(request));
    } else {
      Apply(request, std::nullopt);
    }
  }
  if (!stop_) return;
  for (const Accepted& request : std::exchange(waiting_, {})) {
    Reject(request,
           {kFailedPrecondition, absl::StrCat("The run was stopped at iteration ", k_, "."),
            reason::kRunEnded, ""});
  }
}

void Attempt::RejectAll(const std::string& why) {
  for (const Accepted& request : std::exchange(waiting_, {})) {
    Reject(request, {kFailedPrecondition, why, reason::kRunEnded, ""});
  }
}

void Attempt::Apply(const Accepted& request, std::optional<int64_t> reapplied_from) {
  Snapshot();
  const api::JobState before = state();
  const DialBoard::States dials = trainer_->dials().Save();
  std::variant<Effect, Refusal> result = ApplyCommands(request, paused_, &trainer_->dials());
  if (const auto* refusal = std::get_if<Refusal>(&result)) return Reject(request, *refusal);
  Effect& effect = std::get<Effect>(result);

  std::vector<Event> events;
  const auto add = [&](absl::StatusOr<Event> event, const char* reason) {
    if (event.ok()) {
      events.push_back(*std::move(event));
      return true;
    }
    trainer_->dials().Restore(dials);
    Reject(request, {static_cast<int>(event.status().code()), std::string(event.status().message()),
                     reason, ""});
    return false;
  };
  if (effect.evaluate > 0 &&
      !add(EvaluationEvent(request.request_id()), reason::kEvaluationFailed)) {
    return;
  }
  const bool save = effect.checkpoint > 0 || (effect.stop && saved_iteration_ != k_);
  if (save && !add(CheckpointEvent(request.request_id()), reason::kCheckpointFailed)) return;

  paused_ = effect.paused;
  if (effect.stop) {
    stop_ = true;
    stop_reason_ = request.principal().empty()
                       ? "Stopped."
                       : absl::StrCat("Stopped by ", request.principal(), ".");
  }
  api::CommandApplied* applied = events.emplace_back().mutable_command_applied();
  applied->set_request_id(request.request_id());
  applied->set_iteration(k_);
  applied->set_principal(request.principal());
  for (api::Change& change : effect.changes) *applied->add_changes() = std::move(change);
  for (std::string& name : effect.commands) applied->add_commands(std::move(name));
  if (reapplied_from) applied->set_reapplied_from(*reapplied_from);
  if (announced_ && !stop_ && state() != before) events.push_back(StateEvent(before, state(), ""));
  journal_.Write(std::move(events));
  Answered(request.request_id());
}

void Attempt::Reject(const Accepted& request, const Refusal& refusal) {
  Event event;
  api::CommandRejected* rejected = event.mutable_command_rejected();
  rejected->set_request_id(request.request_id());
  rejected->set_principal(request.principal());
  rejected->set_code(refusal.code);
  rejected->set_message(refusal.message);
  rejected->set_reason(refusal.reason);
  rejected->set_field(refusal.field);
  journal_.Write(std::move(event));
  Answered(request.request_id());
}

void Attempt::Answered(const std::string& request_id) {
  answered_.push_back(request_id);
  if (answered_.size() <= kAnsweredKept) return;
  known_.erase(answered_.front());
  answered_.pop_front();
}

void Attempt::Announce() {
  announced_ = true;
  const bool first = start_.attempt() <= 1;
  journal_.Write(StateEvent(first ? api::PREPARING : api::RECOVERING, state(), ""));
}

const RunState& Attempt::Snapshot() {
  if (!snapshot_) snapshot_ = trainer_->Snapshot();
  return *snapshot_;
}

absl::StatusOr<Attempt::Event> Attempt::EvaluationEvent(const std::string& request_id) {
  const int64_t since = clock_->MonotonicNanos();
  absl::StatusOr<EvaluationResult> result = trainer_->Evaluate();
  if (!result.ok()) return result.status();
  if (!evaluation_seconds_) {
    evaluation_seconds_ = static_cast<double>(clock_->MonotonicNanos() - since) * 1e-9;
  }
  api::Evaluated evaluation;
  evaluation.set_iteration(k_);
  evaluation.set_dataset("test");
  evaluation.set_samples(result->examples);
  evaluation.set_request_id(request_id);
  evaluation.set_seconds(*evaluation_seconds_);
  std::vector<Event> parts = EvaluationParts(evaluation, *result);
  // All but the last, which completes them, are too many for one message.
  for (size_t i = 0; i + 1 < parts.size(); ++i) journal_.Write(std::move(parts[i]));
  return std::move(parts.back());
}

absl::StatusOr<Attempt::Event> Attempt::CheckpointEvent(const std::string& request_id) {
  const std::string name = rules::CheckpointName(start_.branch(), k_);
  if (saved_iteration_ != k_) {
    absl::StatusOr<SavedFile> saved = trainer_->Save(
        rules::CheckpointPath(start_.checkpoint_dir(), name), start_.branch(), Snapshot());
    if (!saved.ok()) return saved.status();
    saved_ = *std::move(saved);
    saved_iteration_ = k_;
  }
  Event event;
  api::CheckpointSaved* checkpoint = event.mutable_checkpoint_saved();
  checkpoint->set_checkpoint(name);
  checkpoint->set_iteration(k_);
  checkpoint->set_sha256(saved_.sha256);
  checkpoint->set_bytes(saved_.bytes);
  checkpoint->set_request_id(request_id);
  return event;
}

Attempt::Event Attempt::NoticeEvent(api::Notice::Severity severity,
                                    const std::string& message) const {
  Event event;
  event.mutable_notice()->set_severity(severity);
  event.mutable_notice()->set_message(ShortUtf8(message, kMaxText));
  return event;
}

Attempt::Event Attempt::StateEvent(api::JobState from, api::JobState to,
                                   const std::string& reason) const {
  Event event;
  api::StateChanged* change = event.mutable_state_changed();
  change->set_state(to);
  change->set_old_state(from);
  if (k_ >= 0) change->set_iteration(k_);
  change->set_reason(ShortUtf8(reason, kMaxText));
  return event;
}

api::JobState Attempt::state() const { return paused_ ? api::PAUSED : api::RUNNING; }

std::string Attempt::NonFinite(const Trainer::Boundary& boundary) {
  if (std::isfinite(boundary.value) && std::isfinite(boundary.gradient_norm)) return "";
  const std::string text = trainer_->NonFinite();
  return text.empty() ? "the norm of the gradient is beyond the largest number" : text;
}

Attempt::Next Attempt::Diverge(const std::string& what) {
  Fail(k_ == 0 ? absl::StrCat("Not finite at the starting point, iteration 0: ", what, ".")
               : absl::StrCat("Diverged at iteration ", k_, ": ", what,
                              ". A smaller step size or clip_by_norm may help.",
                              saved_iteration_ < 0 && start_.checkpoint().empty()
                                  ? " No checkpoint was due before."
                                  : ""),
       reason::kDiverged);
  return Next::kFailed;
}

void Attempt::Fail(const std::string& cause, const char* error_reason) {
  const api::JobState from = announced_              ? state()
                             : start_.attempt() <= 1 ? api::PREPARING
                                                     : api::RECOVERING;
  server::LogError(start_.job(), cause);
  Event event = StateEvent(from, api::FAILED, cause);
  event.mutable_state_changed()->set_error_reason(error_reason);
  journal_.Write(std::move(event));
}

double Attempt::ElapsedSeconds() const {
  return start_.elapsed_seconds() +
         static_cast<double>(clock_->MonotonicNanos() - began_nanos_ - paused_nanos_) * 1e-9;
}

}  // namespace descent::worker
