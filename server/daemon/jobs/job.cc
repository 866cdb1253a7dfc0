#include "server/daemon/jobs/job.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "proto/rpc_status.h"
#include "server/common/log.h"
#include "server/daemon/journal/entries.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

// Retention is asked for once in so many bytes.
constexpr int64_t kRetainEvery = 1 << 20;
constexpr int64_t kDefaultRetention = int64_t{1} << 30;

// A stream of iterations is acknowledged this often, or after so many events: an acknowledgement
// wakes threads on both sides, and all that waits for it is the worker's buffer.
constexpr int64_t kAcknowledgeNanos = 10'000'000;
constexpr int64_t kAcknowledgeEvents = 4096;

// So many checkpoints are looked for in the job's folder.
constexpr size_t kManyCheckpoints = 1024;

// Every kind but iterations, which come by the million.
std::vector<v1::EventKind> OtherKinds() {
  std::vector<v1::EventKind> kinds;
  for (int kind = v1::CREATED; kind <= v1::NOTICE; ++kind) {
    if (kind != v1::ITERATION) kinds.push_back(static_cast<v1::EventKind>(kind));
  }
  return kinds;
}

// A snapshot that was damaged is folded anew, from nothing.
JobFold FoldOf(const StoredJob& stored) {
  if (stored.snapshot.head_revision() == 0) return JobFold(stored.journal->job_id());
  return JobFold(stored.snapshot);
}

absl::StatusOr<v1::Event> ParseEntry(const Entry& entry) {
  v1::Event event;
  if (!event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()))) {
    return absl::DataLossError(
        absl::StrCat("The journal's event of revision ", entry.revision, " can't be read"));
  }
  event.set_revision(entry.revision);
  return event;
}

}  // namespace

Job::Job(Environment environment, std::shared_ptr<JobJournal> journal,
         const std::vector<v1::Event>& events)
    : environment_(std::move(environment)),
      id_(journal->job_id()),
      journal_(std::move(journal)),
      pending_(id_),
      durable_(id_),
      book_(NewBook()) {
  for (const v1::Event& event : events) {
    Fold(event);
    next_revision_ = event.revision() + 1;
  }
  durable_ = pending_;
  history_loaded_ = true;
}

Job::Job(Environment environment, const StoredJob& stored)
    : environment_(std::move(environment)),
      id_(stored.journal->job_id()),
      journal_(stored.journal),
      pending_(FoldOf(stored)),
      durable_(pending_),
      book_(NewBook()),
      next_revision_(journal_->head_revision() + 1) {}

absl::Status Job::LoadHistory() {
  if (absl::Status status = damage(); !status.ok()) return status;
  History history;
  RequestBook book = NewBook();
  JobFold fold(id_);
  {
    MutexLock lock(mutex_);
    if (history_loaded_) return absl::OkStatus();
    fold = pending_;
  }
  const int64_t snapshot_revision = fold.light().head_revision();
  int64_t iteration = -1;  // the last one that an event speaks of
  size_t many = kManyCheckpoints;
  // Event by event: those of a long job would not fit into memory together.
  absl::Status read = ReadOthers(OtherKinds(), [&](const v1::Event& event) {
    history.Apply(event);
    book.Apply(event);
    book.Durable(event);
    if (event.revision() > snapshot_revision) {
      fold.Apply(event);
    } else if (event.has_evaluation()) {
      fold.ApplyEvaluation(event.evaluation());
    }
    if (event.has_command_applied()) {
      book.Forget(event.revision());
    } else if (event.state_changed().has_iteration()) {
      iteration = event.state_changed().iteration();
    } else if (event.has_checkpoint_saved()) {
      iteration = event.checkpoint_saved().iteration();
      if (history.checkpoints().size() > many) {
        ForgetRemoved(&history);
        many = std::max(many, 2 * history.checkpoints().size());
      }
    } else if (event.has_rewound()) {
      iteration = event.rewound().to_iteration();
    }
  });
  if (!read.ok()) return read;
  ForgetRemoved(&history);
  MutexLock lock(mutex_);
  if (history_loaded_) return absl::OkStatus();
  history_ = std::move(history);
  book_ = std::move(book);
  pending_ = std::move(fold);
  pending_.RecallSeries(history_.series());
  // The last iteration: whatever follows the snapshot is iterations alone, as every other append
  // brings a snapshot; else it is where the snapshot says.
  absl::StatusOr<std::vector<RowPtr>> last = journal_->Read(journal_->head_revision() - 1, 1, {});
  if (!last.ok()) return last.status();
  RowPtr row = last->empty() ? nullptr : last->back();
  const bool at_head = row != nullptr && row->kind == v1::ITERATION;
  const int64_t index = at_head ? row->last_iteration
                        : pending_.light().has_last_iteration()
                            ? pending_.light().last_iteration().index()
                        : snapshot_revision == 0 ? iteration  // the fold was made anew
                                                 : -1;
  head_iteration_ = index;
  if (!at_head) {
    // Not there: thinned away, or nothing was computed since a rewind to the starting point.
    absl::StatusOr<RowPtr> found =
        journal_->FindIteration(history_.lineage().BranchOf(index), index);
    row = found.ok() ? *std::move(found) : nullptr;
  }
  if (row != nullptr) {
    for (const Entry& entry : Entries(*row)) {
      if (entry.iteration != index) continue;
      absl::StatusOr<v1::Event> event = ParseEntry(entry);
      if (!event.ok()) return event.status();
      last_iteration_revision_ = event->revision();
      if (event->revision() > snapshot_revision || !pending_.light().has_last_iteration()) {
        const int64_t head = pending_.light().head_revision();
        pending_.Apply(*event);
        pending_.set_head_revision(std::max(head, event->revision()));
      }
      if (event->attempt() == history_.attempt().number) {
        attempt_.taken_sequence = event->sequence();
      }
    }
  }
  attempt_.taken_sequence = std::max(attempt_.taken_sequence, history_.attempt().last_sequence);
  durable_ = pending_;
  history_loaded_ = true;
  return absl::OkStatus();
}

void Job::ForgetRemoved(History* history) const {
  int64_t kept = 0;
  {
    MutexLock lock(mutex_);
    kept = KeptCheckpoints();
  }
  const auto& records = history->checkpoints();
  std::vector<std::string> removed;
  // The newest ones ought to be there: if one is not, people are told.
  for (int64_t i = 0; i + kept < static_cast<int64_t>(records.size()); ++i) {
    std::error_code error;
    const std::string& name = records[static_cast<size_t>(i)].name;
    if (!std::filesystem::exists(CheckpointPath(name), error)) removed.push_back(name);
  }
  for (const std::string& name : removed) history->ForgetCheckpoint(name);
}

absl::Status Job::ReadOthers(const std::vector<v1::EventKind>& kinds,
                             const std::function<void(const v1::Event&)>& take) const {
  int64_t cursor = 0;
  while (true) {
    const absl::StatusOr<std::vector<RowPtr>> rows = journal_->Read(cursor, 1 << 20, kinds);
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return absl::OkStatus();
    for (const RowPtr& row : *rows) {
      cursor = std::max(cursor, row->last_revision);
      for (const Entry& entry : Entries(*row)) {
        const absl::StatusOr<v1::Event> event = ParseEntry(entry);
        if (!event.ok()) return event.status();
        take(*event);
      }
    }
  }
}

absl::Status Job::RecallScript(int64_t checkpoint_iteration) {
  {
    MutexLock lock(mutex_);
    if (book_.HasScript(checkpoint_iteration)) return absl::OkStatus();
    // What is read must be all that was appended. No worker adds to it meanwhile, nor, as this is
    // the loop, anybody else.
    while (in_flight_ > 0) landed_.Wait(mutex_);
  }
  RequestBook whole = NewBook();
  absl::Status read =
      ReadOthers({v1::COMMAND_ACCEPTED, v1::COMMAND_APPLIED, v1::COMMAND_REJECTED, v1::REWOUND},
                 [&](const v1::Event& event) {
                   whole.Apply(event);
                   whole.Durable(event);
                 });
  if (!read.ok()) return read;
  MutexLock lock(mutex_);
  book_.Recall(whole);
  return absl::OkStatus();
}

// --------------------------------------------------------------------------------- What people see

// Watchers are told of the end a moment before its callback comes here: who then asks for the job
// must not hear that it runs.
const JobFold& Job::Seen() const { return journal_->final_revision() > 0 ? pending_ : durable_; }

v1::Job Job::Durable() const {
  MutexLock lock(mutex_);
  v1::Job job = Seen().Full();
  job.set_head_revision(std::max(job.head_revision(), journal_->head_revision()));
  job.set_compacted_revision(journal_->compacted_revision());
  job.set_damage(std::string(journal_->damage().message()));
  return job;
}

v1::Job Job::DurableLight() const {
  MutexLock lock(mutex_);
  v1::Job job = Seen().light();
  job.set_head_revision(std::max(job.head_revision(), journal_->head_revision()));
  job.set_compacted_revision(journal_->compacted_revision());
  job.set_damage(std::string(journal_->damage().message()));
  return job;
}

v1::JobState Job::pending_state() const {
  MutexLock lock(mutex_);
  return pending_.state();
}

// -------------------------------------------------------------------------------------- Appending

v1::Event Job::NewEvent() const {
  v1::Event event;
  event.set_time_unix_nanos(static_cast<uint64_t>(environment_.clock->WallNanos()));
  event.set_attempt(pending_.light().attempt());
  event.set_branch(history_.lineage().branch());
  return event;
}

v1::Event Job::NewState(v1::JobState state, const std::string& reason) const {
  v1::Event event = NewEvent();
  v1::StateChanged& changed = *event.mutable_state_changed();
  changed.set_state(state);
  changed.set_old_state(pending_.state());
  if (head_iteration_ >= 0) changed.set_iteration(head_iteration_);
  changed.set_reason(ValidUtf8(reason));  // it may quote a file's name, or a worker's log
  return event;
}

v1::Event Job::NewNotice(const std::string& message) const {
  v1::Event event = NewEvent();
  event.mutable_notice()->set_severity(v1::Notice::WARNING);
  event.mutable_notice()->set_message(ValidUtf8(message));
  return event;
}

void Job::Fold(const v1::Event& event) {
  pending_.Apply(event);
  history_.Apply(event);
  book_.Apply(event);
}

void Job::Add(v1::Event event, Draft* draft) {
  event.clear_revision();
  PendingEvent pending = ToPending(event);
  AddSerialized(std::move(pending), std::move(event), draft);
}

void Job::AddSerialized(PendingEvent pending, v1::Event event, Draft* draft) {
  FoldLastIteration(draft);
  event.set_revision(next_revision_++);
  Fold(event);
  draft->only_iterations = false;
  if (event.has_checkpoint_saved()) draft->has_checkpoint = true;
  draft->pending.push_back(std::move(pending));
  draft->events.push_back(std::move(event));
}

void Job::AddFinal(v1::Event event, Draft* draft) {
  for (const v1::CommandAccepted& accepted : book_.Unresolved()) {
    v1::Event rejection = NewEvent();
    *rejection.mutable_command_rejected() =
        RejectionOf(accepted, absl::StatusCode::kFailedPrecondition,
                    "The run ended before the request could be applied", "RUN_ENDED");
    Add(std::move(rejection), draft);
  }
  v1::StateChanged& end = *event.mutable_state_changed();
  if (end.state() == v1::FAILED) end.set_reason(absl::StrCat(end.reason(), WhatIsKept()));
  Add(std::move(event), draft);
  draft->has_end = true;
}

std::string Job::WhatIsKept() const {
  const std::vector<CheckpointRecord>& all = history_.checkpoints();
  const Lineage& lineage = history_.lineage();
  const auto newest = std::find_if(all.rbegin(), all.rend(), [&](const CheckpointRecord& record) {
    return lineage.Holds(record.branch, record.iteration);
  });
  if (newest == all.rend()) return "";
  return absl::StrCat(" (Checkpoint ", newest->name, " is kept.)");
}

void Job::AddIteration(PendingEvent pending, Draft* draft) {
  if (environment_.iterations != nullptr) {
    environment_.iterations->fetch_add(1, std::memory_order_relaxed);
  }
  head_iteration_ = pending.iteration;
  last_iteration_revision_ = next_revision_++;
  appended_bytes_ += static_cast<int64_t>(pending.bytes.size());
  draft->pending.push_back(std::move(pending));
  draft->has_unfolded_iteration = true;
}

void Job::FoldLastIteration(Draft* draft) {
  if (!draft->has_unfolded_iteration) return;
  draft->has_unfolded_iteration = false;
  v1::Event event;
  event.ParseFromString(draft->pending.back().bytes);  // scanned before: it is well-formed
  event.set_revision(next_revision_ - 1);
  pending_.Apply(event);
  draft->events.push_back(std::move(event));
}

void Job::Append(Draft draft, std::function<void()> then) {
  FoldLastIteration(&draft);
  if (draft.pending.empty()) {
    // All was compared: acknowledged with whatever is still on its way.
    if (in_flight_ == 0) {
      Acknowledge(attempt_.taken_sequence,
                  /*at_once=*/!draft.only_iterations || pending_.is_final());
    }
    return;
  }
  auto commit = std::make_shared<Commit>();
  commit->events = std::move(draft.events);
  commit->attempt = attempt_.number;
  commit->sequence = attempt_.taken_sequence;
  commit->only_iterations = draft.only_iterations;
  commit->has_checkpoint = draft.has_checkpoint;
  commit->has_end = draft.has_end;
  commit->then = std::move(then);
  std::optional<v1::Job> snapshot;
  if (!draft.only_iterations) snapshot = pending_.Stored();
  ++in_flight_;
  journal_->Append(
      std::move(draft.pending), std::move(snapshot),
      [self = shared_from_this(), commit](const absl::StatusOr<JobJournal::Appended>& appended) {
        self->OnDurable(appended.status(), *commit);
      });
  if (appended_bytes_ >= kRetainEvery) {
    appended_bytes_ = 0;
    const v1::Retention& retention = pending_.given().spec().retention();
    journal_->Retain(retention.has_max_bytes() ? retention.max_bytes() : kDefaultRetention);
  }
}

void Job::OnDurable(const absl::Status& status, const Commit& commit) {
  MutexLock lock(mutex_);
  if (--in_flight_ == 0) landed_.SignalAll();
  if (!status.ok()) {
    if (absl::IsDataLoss(status)) return book_.AnswerAll(status);
    // For good. Nothing is acknowledged; the worker stops when its buffer is full.
    book_.AnswerAll(
        MakeError(absl::StatusCode::kUnavailable,
                  absl::StrCat("The journal can't be written: ", std::string(status.message())),
                  "STORE_FAILED"));
    return;
  }
  for (const v1::Event& event : commit.events) {
    durable_.Apply(event);
    if (const v1::CommandAccepted* accepted = book_.Durable(event)) ForwardAccepted(*accepted);
  }
  if (commit.has_checkpoint) DeleteOldCheckpoints();
  if (commit.then) commit.then();
  if (attempt_.phase == Phase::kLive && !attempt_.comparing && !commit.events.empty()) {
    book_.Forget(commit.events.back().revision());
  }
  if (commit.attempt == attempt_.number) {
    Acknowledge(in_flight_ == 0 ? attempt_.taken_sequence : commit.sequence,
                /*at_once=*/!commit.only_iterations);
  }
  if (commit.has_end) {
    environment_.loop->Post([self = shared_from_this()] { self->environment_.finished(self); });
  }
}

void Job::Acknowledge(int64_t sequence, bool at_once) {
  attempt_.durable_sequence = std::max(attempt_.durable_sequence, sequence);
  const int64_t waiting = attempt_.durable_sequence - attempt_.acknowledged_sequence;
  if (waiting <= 0 || attempt_.worker == nullptr) return;
  const int64_t now = environment_.clock->MonotonicNanos();
  if (!at_once && !attempt_.asks_acknowledgement && waiting < kAcknowledgeEvents &&
      now - attempt_.acknowledged_nanos < kAcknowledgeNanos) {
    return;
  }
  attempt_.acknowledged_sequence = attempt_.durable_sequence;
  attempt_.acknowledged_nanos = now;
  if (in_flight_ == 0) attempt_.asks_acknowledgement = false;
  attempt_.worker->SendAck(attempt_.durable_sequence);
}

void Job::OnHeartbeat(const WorkerPtr& worker) {
  MutexLock lock(mutex_);
  if (attempt_.phase != Phase::kLive || attempt_.worker != worker) return;
  attempt_.asks_acknowledgement = in_flight_ > 0;
  Acknowledge(in_flight_ == 0 ? attempt_.taken_sequence : attempt_.durable_sequence,
              /*at_once=*/true);
}

}  // namespace descent::daemon
