// The part of Job that reads its journal back: after the daemon's start, and for what is not kept
// in memory.

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rules/names.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/journal/entries.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

// So many checkpoints are looked for in the job's folder.
constexpr size_t kManyCheckpoints = 1024;

// Every kind but iterations, which come by the million.
std::vector<v1::EventKind> OtherKinds() {
  std::vector<v1::EventKind> kinds;
  for (int kind = v1::EventKind_MIN; kind <= v1::EventKind_MAX; ++kind) {
    if (!v1::EventKind_IsValid(kind)) continue;
    if (kind == v1::EVENT_KIND_UNSPECIFIED || kind == v1::ITERATION) continue;
    kinds.push_back(static_cast<v1::EventKind>(kind));
  }
  return kinds;
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

absl::Status Job::LoadHistory() {
  if (absl::Status status = damage(); !status.ok()) return status;
  std::optional<JobFold> fold;
  {
    MutexLock lock(mutex_);
    if (history_loaded_ || resting_) return absl::OkStatus();
    fold = present();
  }
  absl::StatusOr<History> history = ReadHistory(*std::move(fold));
  if (!history.ok()) return history.status();
  MutexLock lock(mutex_);
  if (history_loaded_) return absl::OkStatus();
  appender_.Restore(std::move(history->position));
  book_ = std::move(history->book);
  shelf_ = std::move(history->shelf);
  attempt_ = std::move(history->attempt);
  history_loaded_ = true;
  Rest();
  return absl::OkStatus();
}

absl::StatusOr<Job::History> Job::ReadHistory(JobFold from) const {
  History history{.position = Position{std::move(from)},
                  .book = NewBook(),
                  .shelf = CheckpointShelf(rules::JobName(id_)),
                  .attempt = Attempt(environment_.clock)};
  Position& position = history.position;
  RequestBook& book = history.book;
  CheckpointShelf& shelf = history.shelf;
  Attempt& attempt = history.attempt;
  const int64_t snapshot_revision = position.fold.core().head_revision();
  int64_t iteration = -1;  // the last one that an event speaks of
  std::vector<std::string> series;
  size_t many = kManyCheckpoints;
  // It goes event by event: those of a long job would not fit into memory together.
  absl::Status read = ReadEvents(OtherKinds(), [&](const v1::Event& event) {
    if (event.has_series()) {
      series.assign(event.series().names().begin(), event.series().names().end());
    }
    position.Follow(event);
    book.Apply(event);
    book.Durable(event);
    shelf.Apply(event);
    attempt.Apply(event);
    if (event.revision() > snapshot_revision) {
      position.fold.Apply(event);
    } else if (event.has_evaluation()) {
      position.fold.ApplyEvaluation(event.evaluation());
    }
    if (event.has_command_applied()) {
      book.Forget(event.revision());
    } else if (event.state_changed().has_iteration()) {
      iteration = event.state_changed().iteration();
    } else if (event.has_checkpoint_saved()) {
      iteration = event.checkpoint_saved().iteration();
      if (shelf.records().size() > many) {
        ForgetRemoved(Folder(), KeptOf(position.fold), &shelf);
        many = std::max(many, 2 * shelf.records().size());
      }
    } else if (event.has_rewound()) {
      iteration = event.rewound().to_iteration();
    }
  });
  if (!read.ok()) return read;
  ForgetRemoved(Folder(), KeptOf(position.fold), &shelf);
  JobFold& fold = position.fold;
  fold.RecallSeries(series);
  // This finds the last iteration: whatever follows the snapshot is iterations alone, as every
  // other append brings a snapshot; otherwise it is where the snapshot says.
  absl::StatusOr<std::vector<RowPtr>> last = journal_->Read(journal_->head_revision() - 1, 1, {});
  if (!last.ok()) return last.status();
  RowPtr row = last->empty() ? nullptr : last->back();
  const bool at_head = row != nullptr && row->kind == v1::ITERATION;
  const int64_t index = at_head                            ? row->last_iteration
                        : fold.core().has_last_iteration() ? fold.core().last_iteration().index()
                        : snapshot_revision == 0           ? iteration  // the fold was made anew
                                                           : -1;
  position.head_iteration = index;
  if (!at_head) {
    // If it is not there it was thinned away, or nothing was computed since a rewind to the
    // starting point.
    absl::StatusOr<RowPtr> found = journal_->FindIteration(position.lineage.BranchOf(index), index);
    row = found.ok() ? *std::move(found) : nullptr;
  }
  if (row != nullptr) {
    for (const Entry& entry : Entries(*row)) {
      if (entry.iteration != index) continue;
      absl::StatusOr<v1::Event> event = ParseEntry(entry);
      if (!event.ok()) return event.status();
      position.last_iteration_revision = event->revision();
      if (event->revision() > snapshot_revision || !fold.core().has_last_iteration()) {
        const int64_t head = fold.core().head_revision();
        fold.Apply(*event);
        fold.set_head_revision(std::max(head, event->revision()));
      }
      attempt.Apply(*event);
    }
  }
  return history;
}

// ----------------------------------------------------------------------------- Of one that rests

absl::StatusOr<JobFold> Job::ReadFold() const {
  const absl::StatusOr<v1::Job> snapshot = journal_->ReadSnapshot();
  if (!snapshot.ok()) return snapshot.status();
  if (snapshot->head_revision() > 0) return WithMatrices(*journal_, JobFold(*snapshot));
  // The stored fold is damaged, and folded anew, from nothing.
  absl::StatusOr<History> history = ReadHistory(JobFold(id_));
  if (!history.ok()) return history.status();
  return std::move(history->position.fold);
}

absl::StatusOr<CheckpointRecord> Job::ReadCheckpoint(const std::string& given) const {
  CheckpointShelf shelf(rules::JobName(id_));
  Position position{JobFold(id_)};
  absl::Status read = ReadEvents({v1::CHECKPOINT_SAVED, v1::REWOUND}, [&](const v1::Event& event) {
    position.Follow(event);
    shelf.Apply(event);
  });
  if (!read.ok()) return read;
  int64_t kept = 0;
  {
    MutexLock lock(mutex_);
    kept = KeptOf(present());
  }
  ForgetRemoved(Folder(), kept, &shelf);
  return shelf.Choose(given, position.lineage, journal_->head_revision());
}

// ------------------------------------------------------------------------------------- The events

absl::Status Job::ReadEvents(const std::vector<v1::EventKind>& kinds,
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

void Job::RecallScript(int64_t checkpoint_iteration,
                       const std::function<void(const absl::Status&)>& then) {
  const auto recall = [self = shared_from_this(), then](const absl::Status&) {
    self->environment_.store->Post([self, then] {
      self->environment_.loop->Post([then, status = self->ReadScript()] { then(status); });
    });
  };
  {
    MutexLock lock(mutex_);
    // What is read must be all that was appended until now, which on a full disk may take long.
    if (!book_.HasScript(checkpoint_iteration)) return OnceLanded(recall);
  }
  then(absl::OkStatus());
}

absl::Status Job::ReadScript() {
  RequestBook whole = NewBook();
  absl::Status read =
      ReadEvents({v1::COMMAND_ACCEPTED, v1::COMMAND_APPLIED, v1::COMMAND_REJECTED, v1::REWOUND},
                 [&](const v1::Event& event) {
                   whole.Apply(event);
                   whole.Durable(event);
                 });
  if (!read.ok()) return read;
  MutexLock lock(mutex_);
  book_.Recall(whole);
  return absl::OkStatus();
}

}  // namespace descent::daemon
