// The part of Job that takes a worker's events: the path of every iteration (rules 5 and 6
// of server/README.md).

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rules/reasons.h"
#include "proto/rules/states.h"
#include "server/common/limits.h"
#include "server/daemon/jobs/job.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

constexpr size_t kStampBytes = 64;  // times, attempt, sequence

absl::Status Unexpected(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("the worker sent ", what));
}

// Makes an error that ends the run, because the next attempt would send the same.
absl::Status Unreadable(const std::string& why) {
  return absl::DataLossError(absl::StrCat("its worker sent an event that can't be read: ", why));
}

}  // namespace

void Job::OnEvents(const WorkerPtr& worker, worker::v1::EventBatch* batch,
                   const std::function<void()>& taken, const SessionHandler::Resume& resume) {
  bool is_room = false;
  {
    MutexLock lock(mutex_);
    if (attempt_.is_comparing() && IsCurrent(worker, *batch)) {
      return Compare(worker, std::move(*batch), taken, resume);
    }
    is_room = TakeOrFence(worker, batch, resume);
  }
  taken();
  if (is_room) resume();
}

void Job::Compare(const WorkerPtr& worker, worker::v1::EventBatch batch,
                  const std::function<void()>& taken, const SessionHandler::Resume& resume) {
  attempt_.BeginComparison();
  auto compared = std::make_shared<Compared>(
      Compared{.worker = worker,
               .batch = std::move(batch),
               .recomputation = std::exchange(recomputation_, Recomputation()),
               .taken = taken,
               .resume = resume});
  environment_.store->Post([self = shared_from_this(), compared, lineage = appender_.lineage(),
                            head = appender_.head_iteration()] {
    compared->recomputation = Recomputation::Read(*self->journal_, lineage, head, compared->batch,
                                                  std::move(compared->recomputation));
    self->environment_.loop->Post([self, compared] { self->TakeCompared(compared.get()); });
  });
}

void Job::TakeCompared(Compared* compared) {
  bool is_room = false;
  std::vector<std::function<void()>> postponed;
  {
    MutexLock lock(mutex_);
    // Another attempt has a reading of its own.
    if (IsCurrent(compared->worker, compared->batch)) {
      recomputation_ = std::move(compared->recomputation);
    }
    is_room = TakeOrFence(compared->worker, &compared->batch, compared->resume);
    attempt_.EndComparison();
    postponed = attempt_.TakePostponed();
  }
  compared->taken();
  if (is_room) compared->resume();
  for (const auto& told : postponed) told();
}

bool Job::IsCurrent(const WorkerPtr& worker, const worker::v1::EventBatch& batch) const {
  return attempt_.is_live() && attempt_.IsOf(worker) && batch.attempt() == attempt_.number();
}

bool Job::TakeOrFence(const WorkerPtr& worker, worker::v1::EventBatch* batch,
                      const SessionHandler::Resume& resume) {
  if (IsCurrent(worker, *batch)) {
    TakeBatch(batch);
  } else {
    worker->Fence("Another attempt has taken over");
  }
  if (appender_.bytes_in_flight() <= kMaxBytesInFlight) return true;
  held_back_.push_back(resume);
  return false;
}

void Job::TakeBatch(worker::v1::EventBatch* batch) {
  Draft draft;
  std::string diverged;
  const absl::Status status = TakeEvents(batch, &draft, &diverged);
  if (!diverged.empty()) {
    Diverge(diverged, std::move(draft));
  } else if (absl::IsDataLoss(status)) {
    Fail(std::string(status.message()), reason::kUnreadableMessage, std::move(draft));
  } else if (absl::IsResourceExhausted(status)) {
    Fail(std::string(status.message()), reason::kTooLarge, std::move(draft));
  } else if (!status.ok()) {
    attempt_.Fence(std::string(status.message()));
    EndAttempt(std::string(status.message()), std::move(draft));
  } else {
    Append(std::move(draft));
  }
}

void Job::OnUnreadable(const WorkerPtr& worker, const std::string& problem,
                       const std::string& request_id) {
  MutexLock lock(mutex_);
  if (attempt_.Postpone(worker, [self = shared_from_this(), worker, problem, request_id] {
        self->OnUnreadable(worker, problem, request_id);
      })) {
    return;
  }
  if (!attempt_.IsOf(worker)) return;
  if (!book_.IsKnown(request_id)) return Fail(problem, reason::kUnreadableMessage, Draft{});
  const v1::CommandAccepted* unresolved = book_.FindUnresolved(request_id);
  if (unresolved == nullptr || present().is_final()) return;
  v1::Event event = appender_.NewEvent();
  *event.mutable_command_rejected() =
      RejectionOf(*unresolved, absl::StatusCode::kInternal, problem, reason::kUnreadableMessage);
  Draft draft;
  appender_.Add(std::move(event), &draft);
  Append(std::move(draft));
}

absl::Status Job::TakeEvents(worker::v1::EventBatch* batch, Draft* draft, std::string* diverged) {
  const int64_t skip = attempt_.taken_sequence() + 1 - batch->first_sequence();
  if (skip < 0) {
    return Unexpected(
        absl::StrCat("sequence ", batch->first_sequence(), " after ", attempt_.taken_sequence()));
  }
  draft->pending.reserve(static_cast<size_t>(batch->events_size()));
  // What was taken before comes again after a lost connection.
  for (int64_t i = skip; i < batch->events_size(); ++i) {
    absl::StatusOr<PendingEvent> pending =
        ScanEvent(std::move(*batch->mutable_events(static_cast<int>(i))));
    if (!pending.ok()) {
      return Unreadable(std::string(pending.status().message()));
    }
    // After the end nothing counts, but it is acknowledged, so that the worker can leave.
    if (!present().is_final()) {
      const bool is_iteration = pending->kind == v1::ITERATION;
      const absl::Status taken = is_iteration ? TakeIteration(*std::move(pending), draft, diverged)
                                              : TakeOther(*std::move(pending), draft, diverged);
      if (!taken.ok() || !diverged->empty()) return taken;
    }
    attempt_.TakeEvent();
  }
  return absl::OkStatus();
}

absl::Status Job::TakeIteration(PendingEvent pending, Draft* draft, std::string* diverged) {
  const int64_t index = pending.iteration;
  const int64_t head_iteration = appender_.head_iteration();
  if (index == head_iteration + 1) {
    if (pending.branch != appender_.lineage().branch()) {
      return Unexpected(absl::StrCat("iteration ", index, " of branch ", pending.branch));
    }
    attempt_.TakeNewIteration();
    appender_.AddIteration(std::move(pending), draft);
    return absl::OkStatus();
  }
  if (index > head_iteration || index < 0) {
    return Unexpected(absl::StrCat("iteration ", index, " after ", head_iteration));
  }
  // The state that it started from was computed by others; and after a rewind to there, to compare
  // it again would rewind for ever.
  if (index <= attempt_.base().iteration) return absl::OkStatus();
  if (!attempt_.is_recomputing()) {
    return Unexpected(absl::StrCat("iteration ", index, " after ", head_iteration));
  }
  // If it is not there it was thinned away.
  *diverged = recomputation_.CompareIteration(index, pending.bytes).value_or("");
  return absl::OkStatus();
}

absl::Status Job::TakeOther(PendingEvent pending, Draft* draft, std::string* diverged) {
  // Nobody could be told of it, and the next attempt would send the same.
  if (pending.bytes.size() > server::kMaxEventBytes + kStampBytes) {
    return absl::ResourceExhaustedError(absl::StrCat("its worker sent an event of ",
                                                     pending.bytes.size(), " bytes, more than ",
                                                     server::kMaxEventBytes));
  }
  v1::Event event;
  if (!event.ParseFromString(pending.bytes)) return Unreadable("it does not parse");
  draft->commit.only_iterations = false;
  switch (event.kind_case()) {
    case v1::Event::kSeries: {
      const std::vector<std::string> names(event.series().names().begin(),
                                           event.series().names().end());
      if (names == appender_.series()) return absl::OkStatus();
      break;
    }
    case v1::Event::kEvaluation: {
      std::optional<std::string> difference = recomputation_.CompareEvaluation(event.evaluation());
      if (!difference.has_value()) break;
      *diverged = *std::move(difference);
      return absl::OkStatus();
    }
    case v1::Event::kCheckpointSaved:
      if (shelf_.Has(event.checkpoint_saved())) return absl::OkStatus();
      break;
    case v1::Event::kCommandApplied:
    case v1::Event::kCommandRejected:
      if (const RequestBook::Verdict verdict = book_.Judge(event);
          verdict == RequestBook::Verdict::kRepeated) {
        return absl::OkStatus();
      } else if (verdict == RequestBook::Verdict::kUnknown) {
        return Unexpected(absl::StrCat("an unknown request \"", pending.request_id, "\""));
      }
      break;
    case v1::Event::kStateChanged: {
      v1::StateChanged& changed = *event.mutable_state_changed();
      if (changed.state() == present().state()) return absl::OkStatus();
      const bool is_end = rules::IsFinal(changed.state());
      if (!is_end && changed.state() != v1::RUNNING && changed.state() != v1::PAUSED) {
        return Unexpected(absl::StrCat("state ", v1::JobState_Name(changed.state())));
      }
      // While re-computing it passes through states that are history.
      if (!is_end && attempt_.is_recomputing() && changed.has_iteration() &&
          changed.iteration() < attempt_.recompute_until()) {
        return absl::OkStatus();
      }
      changed.set_old_state(present().state());  // which the worker can't know
      if (is_end) {
        AddFinal(std::move(event), draft);
      } else {
        appender_.Add(std::move(event), draft);
      }
      return absl::OkStatus();
    }
    case v1::Event::kNotice:
      break;
    default:
      return Unexpected("an event that is not a worker's to send");
  }
  appender_.AddSerialized(std::move(pending), std::move(event), draft);
  return absl::OkStatus();
}

}  // namespace descent::daemon
