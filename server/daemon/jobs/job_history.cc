// The part of Job that reads its journal back: after the daemon's start, and for what is not kept
// in memory.

#include <algorithm>
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
  for (int kind = v1::CREATED; kind <= v1::NOTICE; ++kind) {
    if (kind != v1::ITERATION) kinds.push_back(static_cast<v1::EventKind>(kind));
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
  Position position{JobFold(id_)};
  RequestBook book = NewBook();
  CheckpointShelf shelf(rules::JobName(id_));
  Attempt attempt(environment_.clock);
  int64_t kept = 0;
  {
    MutexLock lock(mutex_);
    if (history_loaded_) return absl::OkStatus();
    position.fold = present();
    kept = KeptCheckpoints();
  }
  const int64_t snapshot_revision = position.fold.light().head_revision();
  int64_t iteration = -1;  // the last one that an event speaks of
  size_t many = kManyCheckpoints;
  // Event by event: those of a long job would not fit into memory together.
  absl::Status read = ReadEvents(OtherKinds(), [&](const v1::Event& event) {
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
        ForgetRemoved(Folder(), kept, &shelf);
        many = std::max(many, 2 * shelf.records().size());
      }
    } else if (event.has_rewound()) {
      iteration = event.rewound().to_iteration();
    }
  });
  if (!read.ok()) return read;
  ForgetRemoved(Folder(), kept, &shelf);
  JobFold& fold = position.fold;
  fold.RecallSeries(position.series);
  // The last iteration: whatever follows the snapshot is iterations alone, as every other append
  // brings a snapshot; else it is where the snapshot says.
  absl::StatusOr<std::vector<RowPtr>> last = journal_->Read(journal_->head_revision() - 1, 1, {});
  if (!last.ok()) return last.status();
  RowPtr row = last->empty() ? nullptr : last->back();
  const bool at_head = row != nullptr && row->kind == v1::ITERATION;
  const int64_t index = at_head                             ? row->last_iteration
                        : fold.light().has_last_iteration() ? fold.light().last_iteration().index()
                        : snapshot_revision == 0            ? iteration  // the fold was made anew
                                                            : -1;
  position.head_iteration = index;
  if (!at_head) {
    // Not there: thinned away, or nothing was computed since a rewind to the starting point.
    absl::StatusOr<RowPtr> found = journal_->FindIteration(position.lineage.BranchOf(index), index);
    row = found.ok() ? *std::move(found) : nullptr;
  }
  if (row != nullptr) {
    for (const Entry& entry : Entries(*row)) {
      if (entry.iteration != index) continue;
      absl::StatusOr<v1::Event> event = ParseEntry(entry);
      if (!event.ok()) return event.status();
      position.last_iteration_revision = event->revision();
      if (event->revision() > snapshot_revision || !fold.light().has_last_iteration()) {
        const int64_t head = fold.light().head_revision();
        fold.Apply(*event);
        fold.set_head_revision(std::max(head, event->revision()));
      }
      attempt.Apply(*event);
    }
  }
  MutexLock lock(mutex_);
  if (history_loaded_) return absl::OkStatus();
  appender_.Restore(std::move(position));
  book_ = std::move(book);
  shelf_ = std::move(shelf);
  attempt_ = std::move(attempt);
  history_loaded_ = true;
  return absl::OkStatus();
}

void Job::WhenLoaded(std::function<void()> then) {
  {
    MutexLock lock(mutex_);
    if (!history_loaded_ && damage().ok()) {
      environment_.files->Post([self = shared_from_this(), then = std::move(then)] {
        self->LoadHistory().IgnoreError();
        self->environment_.loop->Post(then);
      });
      return;
    }
  }
  then();
}

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

void Job::BeforeRecall(int64_t checkpoint_iteration, std::function<void()> then) {
  {
    MutexLock lock(mutex_);
    if (!book_.HasScript(checkpoint_iteration) && !appender_.all_landed()) {
      return OnceLanded([then = std::move(then)](const absl::Status&) { then(); });
    }
  }
  then();
}

absl::Status Job::RecallScript(int64_t checkpoint_iteration) {
  {
    MutexLock lock(mutex_);
    if (book_.HasScript(checkpoint_iteration)) return absl::OkStatus();
    // What is read must be all that was appended. No worker adds to it meanwhile, nor, as this is
    // the loop, anybody else.
    appender_.AwaitLanded(mutex_);
  }
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

void Job::ReadJournaled(const worker::v1::EventBatch& batch) {
  Lineage lineage;
  int64_t head = -1;
  Recomputation before;
  {
    MutexLock lock(mutex_);
    if (!attempt_.is_comparing()) return;
    lineage = appender_.lineage();
    head = appender_.head_iteration();
    before = std::exchange(recomputation_, Recomputation());
  }
  Recomputation read = Recomputation::Read(*journal_, lineage, head, batch, std::move(before));
  MutexLock lock(mutex_);
  recomputation_ = std::move(read);
}

}  // namespace descent::daemon
