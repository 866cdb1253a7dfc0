// The part of Job that takes a worker's events: the path of every iteration (DESIGN.md, 1, rules 5
// and 6).

#include <limits>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/common/limits.h"
#include "server/common/log.h"
#include "server/daemon/jobs/compare.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/journal/entries.h"

namespace descent::daemon {
namespace {

using server::LogWarning;
using server::MutexLock;

constexpr size_t kStampBytes = 64;  // times, attempt, sequence

std::tuple<int64_t, std::string, std::string, int32_t> KeyOf(const v1::Evaluated& evaluation) {
  return {evaluation.iteration(), evaluation.dataset(), evaluation.request_id(), evaluation.part()};
}

absl::Status Unexpected(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("the worker sent ", what));
}

// The next attempt would send the same.
absl::Status Unreadable(const std::string& why) {
  return absl::DataLossError(absl::StrCat("its worker sent an event that can't be read: ", why));
}

}  // namespace

bool Job::IsCurrent(const WorkerPtr& worker, const worker::v1::EventBatch& batch) const {
  return attempt_.phase == Phase::kLive && attempt_.worker == worker &&
         batch.attempt() == attempt_.number;
}

AttemptHost::Taken Job::OnEvents(const WorkerPtr& worker, worker::v1::EventBatch* batch,
                                 bool on_loop) {
  if (on_loop) ReadJournaled(*batch);
  MutexLock lock(mutex_);
  if (!IsCurrent(worker, *batch)) {
    worker->Fence("Another attempt has taken over");
    return AttemptHost::Taken::kTaken;
  }
  if (attempt_.comparing && !on_loop) return AttemptHost::Taken::kOnLoop;
  Draft draft;
  std::string diverged;
  const absl::Status status = TakeEvents(batch, &draft, &diverged);
  if (!diverged.empty()) {
    Rewind(diverged, std::move(draft));
  } else if (absl::IsDataLoss(status)) {
    Fail(std::string(status.message()), "UNREADABLE_MESSAGE", std::move(draft));
  } else if (absl::IsResourceExhausted(status)) {
    Fail(std::string(status.message()), "TOO_LARGE", std::move(draft));
  } else if (!status.ok()) {
    worker->Fence(std::string(status.message()));
    EndAttempt(std::string(status.message()), std::move(draft));
  } else {
    Append(std::move(draft));
  }
  return AttemptHost::Taken::kTaken;
}

void Job::OnUnreadable(const WorkerPtr& worker, const std::string& problem,
                       const std::string& request_id) {
  MutexLock lock(mutex_);
  if (attempt_.worker != worker || attempt_.phase == Phase::kIdle) return;
  if (!book_.IsKnown(request_id)) return Fail(problem, "UNREADABLE_MESSAGE", Draft{});
  const v1::CommandAccepted* unresolved = book_.FindUnresolved(request_id);
  if (unresolved == nullptr || pending_.is_final()) return;
  v1::Event event = NewEvent();
  *event.mutable_command_rejected() =
      RejectionOf(*unresolved, absl::StatusCode::kInternal, problem, "UNREADABLE_MESSAGE");
  Draft draft;
  Add(std::move(event), &draft);
  Append(std::move(draft));
}

void Job::Fail(const std::string& cause, const char* error_reason, Draft draft) {
  attempt_.worker->Fence(cause);
  LogWarning(absl::StrCat("jobs/", id_), absl::StrCat("attempt ", attempt_.number, ": ", cause));
  Unbind();
  if (!pending_.is_final()) {
    v1::Event end = NewState(v1::FAILED, absl::StrCat("The run can't go on: ", cause));
    end.mutable_state_changed()->set_error_reason(error_reason);
    AddFinal(std::move(end), &draft);
  }
  Append(std::move(draft));
}

absl::Status Job::TakeEvents(worker::v1::EventBatch* batch, Draft* draft, std::string* diverged) {
  const int64_t skip = attempt_.taken_sequence + 1 - batch->first_sequence();
  if (skip < 0) {
    return Unexpected(
        absl::StrCat("sequence ", batch->first_sequence(), " after ", attempt_.taken_sequence));
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
    if (!pending_.is_final()) {
      const bool is_iteration = pending->kind == v1::ITERATION;
      const absl::Status taken = is_iteration ? TakeIteration(*std::move(pending), draft, diverged)
                                              : TakeOther(*std::move(pending), draft, diverged);
      if (!taken.ok() || !diverged->empty()) return taken;
    }
    ++attempt_.taken_sequence;
  }
  return absl::OkStatus();
}

absl::Status Job::TakeIteration(PendingEvent pending, Draft* draft, std::string* diverged) {
  const int64_t index = pending.iteration;
  if (index == head_iteration_ + 1) {
    if (pending.branch != history_.lineage().branch()) {
      return Unexpected(absl::StrCat("iteration ", index, " of branch ", pending.branch));
    }
    attempt_.recomputing = attempt_.comparing = false;
    AddIteration(std::move(pending), draft);
    return absl::OkStatus();
  }
  if (index > head_iteration_ || index < 0) {
    return Unexpected(absl::StrCat("iteration ", index, " after ", head_iteration_));
  }
  // The state that it started from was computed by others; and after a rewind to there, to compare
  // it again would rewind for ever.
  if (index <= attempt_.checkpoint_iteration) return absl::OkStatus();
  if (!attempt_.recomputing) {
    return Unexpected(absl::StrCat("iteration ", index, " after ", head_iteration_));
  }
  // Not there: thinned away.
  if (const auto journaled = compared_.find(index); journaled != compared_.end()) {
    v1::Event event;
    event.ParseFromString(pending.bytes);
    const std::string difference = Difference(journaled->second, event.iteration());
    if (!difference.empty()) *diverged = absl::StrCat("iteration ", index, ": ", difference);
  }
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
  draft->only_iterations = false;
  switch (event.kind_case()) {
    case v1::Event::kSeries: {
      const std::vector<std::string> names(event.series().names().begin(),
                                           event.series().names().end());
      if (names == history_.series()) return absl::OkStatus();
      break;
    }
    case v1::Event::kEvaluation: {
      const auto found = compared_evaluations_.find(KeyOf(event.evaluation()));
      if (found == compared_evaluations_.end()) break;
      const v1::Evaluated& journaled = found->second;
      const std::string difference = Difference(journaled, event.evaluation());
      if (!difference.empty()) {
        *diverged = absl::StrCat("evaluation of ", journaled.dataset(), " at iteration ",
                                 journaled.iteration(), ": ", difference);
      }
      return absl::OkStatus();
    }
    case v1::Event::kCheckpointSaved:
      if (history_.HasCheckpoint(event.checkpoint_saved())) return absl::OkStatus();
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
      if (changed.state() == pending_.state()) return absl::OkStatus();
      const bool is_end = IsFinal(changed.state());
      if (!is_end && changed.state() != v1::RUNNING && changed.state() != v1::PAUSED) {
        return Unexpected(absl::StrCat("state ", v1::JobState_Name(changed.state())));
      }
      // While re-computing it passes through states that are history.
      if (!is_end && attempt_.recomputing && changed.has_iteration() &&
          changed.iteration() < attempt_.recompute_until) {
        return absl::OkStatus();
      }
      changed.set_old_state(pending_.state());  // which the worker can't know
      if (is_end) {
        AddFinal(std::move(event), draft);
      } else {
        Add(std::move(event), draft);
      }
      return absl::OkStatus();
    }
    case v1::Event::kNotice:
      break;
    default:
      return Unexpected("an event that is not a worker's to send");
  }
  AddSerialized(std::move(pending), std::move(event), draft);
  return absl::OkStatus();
}

void Job::Rewind(const std::string& difference, Draft draft) {
  const WorkerPtr worker = attempt_.worker;
  v1::Event event = NewEvent();
  v1::Rewound& rewound = *event.mutable_rewound();
  rewound.set_to_iteration(attempt_.checkpoint_iteration);
  rewound.set_cause(v1::Rewound::RECOMPUTED);
  rewound.set_from_branch(history_.lineage().branch());
  rewound.set_to_branch(pending_.light().branch() + 1);
  rewound.set_checkpoint(attempt_.checkpoint);
  rewound.set_detail(difference);
  event.set_branch(rewound.to_branch());
  Add(std::move(event), &draft);
  head_iteration_ = attempt_.checkpoint_iteration;
  Unbind();
  if (pending_.state() != v1::RECOVERING) {
    Add(NewState(v1::RECOVERING, "re-computed history differed: " + difference), &draft);
  }
  Append(std::move(draft));
  worker->Fence("Its re-computed history differs from the journal: " + difference);
  WantWorker(0);
}

// ---------------------------------------------------------------------------- Reading the journal

absl::Status Job::ReadRow(const Lineage& lineage, int64_t iteration,
                          std::map<int64_t, v1::Iteration>* iterations) const {
  absl::StatusOr<RowPtr> row = journal_->FindIteration(lineage.BranchOf(iteration), iteration);
  if (!row.ok()) return row.status();
  for (const Entry& entry : Entries(**row)) {
    // A row may go on into what a rewind has left behind.
    if (!lineage.Holds((*row)->branch, entry.iteration)) continue;
    v1::Event event;
    if (!event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()))) {
      return absl::DataLossError("A journaled iteration can't be read");
    }
    (*iterations)[entry.iteration] = std::move(*event.mutable_iteration());
  }
  return absl::OkStatus();
}

void Job::ReadJournaled(const worker::v1::EventBatch& batch) {
  Lineage lineage;
  int64_t head = -1;
  std::map<int64_t, v1::Iteration> iterations;
  {
    MutexLock lock(mutex_);
    if (!attempt_.comparing) return;
    lineage = history_.lineage();
    head = head_iteration_;
    iterations = std::move(compared_);
    compared_.clear();
  }
  std::map<EvaluationKey, v1::Evaluated> evaluations;
  int64_t first = std::numeric_limits<int64_t>::max();
  for (const std::string& bytes : batch.events()) {
    const absl::StatusOr<PendingEvent> event = ScanEvent(bytes);
    if (event.ok() && event->kind == v1::EVALUATION) ReadEvaluations(bytes, lineage, &evaluations);
    if (!event.ok() || event->kind != v1::ITERATION || event->iteration > head) continue;
    const int64_t index = event->iteration;
    first = std::min(first, index);
    if (iterations.count(index) == 0) (void)ReadRow(lineage, index, &iterations);
  }
  if (first != std::numeric_limits<int64_t>::max()) {
    iterations.erase(iterations.begin(), iterations.lower_bound(first));
  }
  MutexLock lock(mutex_);
  compared_ = std::move(iterations);
  compared_evaluations_ = std::move(evaluations);
}

void Job::ReadEvaluations(const std::string& event, const Lineage& lineage,
                          std::map<EvaluationKey, v1::Evaluated>* evaluations) const {
  v1::Event parsed;
  if (!parsed.ParseFromString(event)) return;
  const v1::Evaluated& evaluation = parsed.evaluation();
  // One that a request asked for is of the boundary's commands, which come after a state that a
  // branch begins at.
  const int64_t iteration = evaluation.iteration();
  const int32_t branch =
      lineage.BranchOf(evaluation.request_id().empty() ? iteration : iteration + 1);
  const absl::StatusOr<std::vector<RowPtr>> rows = journal_->FindEvaluations(branch, iteration);
  if (!rows.ok()) return;  // damage: the job is being taken out of service
  for (const RowPtr& row : *rows) {
    for (const Entry& entry : Entries(*row)) {
      if (!parsed.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size())))
        continue;
      (*evaluations)[KeyOf(parsed.evaluation())] = parsed.evaluation();
    }
  }
}

}  // namespace descent::daemon
