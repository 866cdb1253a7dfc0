// The part of the writer that commits: operations of many journals become one transaction, and are
// published once that is durable.

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/daemon/journal/row_builder.h"
#include "server/daemon/journal/stored_journal.h"
#include "server/daemon/journal/writer.h"

namespace descent::daemon {

struct Writer::Change {
  explicit Change(JournalPtr journal) : journal(std::move(journal)) {}

  JournalPtr journal;
  RowJoiner joiner;
  const std::string* snapshot = nullptr;  // the newest; lives in its operation
  int64_t final_revision = 0;
  bool deleted = false;
  // These are set by WriteChange:
  std::vector<RowPtr> rows;
  int64_t iteration_bytes = -1;
  int64_t stored_revision = 0;
  int64_t last_other_revision = 0;
};

absl::Status Writer::TryCommit(Operations& operations, bool alone) {
  std::vector<absl::Status> results(operations.size());
  std::vector<Change> changes;
  const int64_t start = options_.clock->MonotonicNanos();
  if (absl::Status status = Write(operations, results, changes); !status.ok()) return status;
  HeadsAreNoted();
  int64_t events = 0, bytes = 0;
  for (const Operation& operation : operations) events += operation.events;
  for (const Change& change : changes) {
    for (const RowPtr& row : change.rows) bytes += static_cast<int64_t>(row->entries.size());
  }
  if (!changes.empty()) Count(events, bytes, options_.clock->MonotonicNanos() - start);
  if (!alone) stall_.Over();
  Publish(operations, results, changes);
  return absl::OkStatus();
}

void Writer::Refuse(Operations& operations, const absl::Status& status) {
  for (Operation& operation : operations) {
    if (operation.kind == Operation::kDamage) operation.journal->NotifySubscribers();
    if (operation.done) operation.done(status);
  }
}

absl::Status Writer::Write(Operations& operations, std::vector<absl::Status>& results,
                           std::vector<Change>& changes) {
  while (true) {
    JournalPtr damaged;
    const absl::Status status = TryWrite(operations, results, changes, &damaged);
    if (damaged == nullptr || !absl::IsDataLoss(status)) return status;
    // Nothing was written. It is tried once more, without the journal whose pages can't be read.
    damaged->SetDamage(status).IgnoreError();
    changes.clear();
    results.assign(operations.size(), absl::OkStatus());
  }
}

absl::Status Writer::TryWrite(Operations& operations, std::vector<absl::Status>& results,
                              std::vector<Change>& changes, JournalPtr* failed) {
  std::unordered_map<const StoredJournal*, size_t> index;
  const auto change_of = [&](const JournalPtr& journal) -> Change& {
    const auto [it, is_new] = index.try_emplace(journal.get(), changes.size());
    if (is_new) changes.emplace_back(journal);
    return changes[it->second];
  };
  if (std::all_of(operations.begin(), operations.end(), [](const Operation& o) {
        return o.kind == Operation::kRetain || o.kind == Operation::kDamage;
      })) {
    return absl::OkStatus();
  }
  return Transact([&]() -> absl::Status {
    if (options_.clock->MonotonicNanos() >= next_heads_nanos_) {
      if (absl::Status status = NoteHeads(); !status.ok()) return status;
    }
    for (size_t i = 0; i < operations.size(); ++i) {
      Operation& operation = operations[i];
      if (operation.kind == Operation::kRetain || operation.kind == Operation::kDamage) continue;
      if (operation.kind == Operation::kForgetFolder) {
        if (absl::Status status = statements_->ForgetFolder(operation.folder); !status.ok()) {
          return status;
        }
        continue;
      }
      Change& change = change_of(operation.journal);
      if (change.deleted || operation.journal->notes.deleted) {
        results[i] = absl::NotFoundError(
            absl::StrCat("job ", operation.journal->job_id(), " has been deleted"));
        continue;
      }
      if (operation.kind == Operation::kDelete) {
        change.deleted = true;
        if (absl::Status status =
                statements_->DeleteJob(operation.journal->number(), operation.journal->job_id());
            !status.ok()) {
          return status;
        }
        continue;
      }
      if (operation.journal->is_damaged()) {
        results[i] = operation.journal->damage();
        continue;
      }
      if (operation.kind == Operation::kCreate) {
        absl::StatusOr<int64_t> number =
            statements_->InsertJob(operation.journal->job_id(), *operation.snapshot);
        if (!number.ok()) return number.status();
        operation.journal->set_number(*number);
      } else if (operation.snapshot.has_value()) {
        change.snapshot = &*operation.snapshot;
      }
      for (const RowPtr& row : operation.rows) change.joiner.Add(row);
      if (operation.final_revision > 0) change.final_revision = operation.final_revision;
    }
    for (Change& change : changes) {
      if (absl::Status status = WriteChange(change); !status.ok()) {
        *failed = change.journal;
        return status;
      }
    }
    return absl::OkStatus();
  });
}

absl::Status Writer::WriteChange(Change& change) {
  if (change.deleted || change.journal->notes.deleted) return absl::OkStatus();
  const int64_t number = change.journal->number();
  const StoredJournal::Notes& notes = change.journal->notes;
  change.rows = change.joiner.Finish();
  change.iteration_bytes = notes.iteration_bytes;
  change.stored_revision = notes.stored_revision;
  if (change.iteration_bytes >= 0) change.iteration_bytes += IterationBytes(change.rows);
  if (!change.rows.empty()) change.stored_revision = change.rows.back()->last_revision;
  change.last_other_revision = notes.last_other_revision;
  for (const RowPtr& row : change.rows) {
    absl::Status status = statements_->InsertRow(number, *row, change.last_other_revision);
    if (!status.ok()) return status;
    if (row->kind != v1::ITERATION) change.last_other_revision = row->first_revision;
  }
  if (change.snapshot != nullptr) {
    absl::Status status =
        statements_->UpdateSnapshot(number, change.journal->job_id(), *change.snapshot);
    if (!status.ok()) return status;
  } else if (change.last_other_revision == notes.last_other_revision) {
    return absl::OkStatus();
  }
  const bool counted = change.iteration_bytes >= 0;
  return statements_->UpdateLine(
      {.number = number,
       .job_id = change.journal->job_id(),
       .compacted_revision = change.journal->compacted_revision(),
       .iteration_bytes = counted ? change.iteration_bytes : notes.counted_bytes,
       .counted_revision = counted ? change.stored_revision : notes.counted_revision,
       .last_other_revision = change.last_other_revision});
}

void Writer::Publish(Operations& operations, const std::vector<absl::Status>& results,
                     const std::vector<Change>& changes) {
  const int64_t now = options_.clock->MonotonicNanos();
  for (const Change& change : changes) {
    StoredJournal::Notes& notes = change.journal->notes;
    if (change.deleted) {
      notes.deleted = true;
      removing_ = true;
      change.journal->PublishDeleted();
    }
    if (notes.deleted) continue;
    notes.iteration_bytes = change.iteration_bytes;
    notes.stored_revision = change.stored_revision;
    notes.last_other_revision = change.last_other_revision;
    notes.last_append_nanos = now;
    if (notes_heads_ && !notes.head_moved && !change.rows.empty()) {
      notes.head_moved = true;
      moved_heads_.push_back(change.journal);
    }
    if (!notes.has_tail) {
      notes.has_tail = true;
      with_tails_.push_back(change.journal);
    }
    change.journal->Publish(change.rows, change.final_revision);
  }
  JobJournal::Appended appended;
  for (size_t i = 0; i < operations.size(); ++i) {
    Operation& operation = operations[i];
    if (operation.kind == Operation::kRetain) {
      if (operation.journal->notes.retain_bytes < 0) thinning_.push_back(operation.journal);
      operation.journal->notes.retain_bytes = std::max<int64_t>(operation.retain_bytes, 0);
    }
    if (operation.kind == Operation::kDamage) operation.journal->NotifySubscribers();
    if (!operation.done) continue;
    if (results[i].ok()) {
      appended.rows = std::move(operation.rows);
      operation.done(appended);
    } else {
      operation.done(results[i]);
    }
  }
  for (const Change& change : changes) change.journal->NotifySubscribers();
}

void Writer::Count(int64_t events, int64_t bytes, int64_t nanos) {
  const double seconds = static_cast<double>(nanos) * 1e-9;
  const auto bound =
      std::lower_bound(Journal::kCommitBounds.begin(), Journal::kCommitBounds.end(), seconds);
  server::MutexLock lock(mutex_);
  ++statistics_.commits;
  statistics_.events += events;
  statistics_.bytes += bytes;
  statistics_.commit_seconds += seconds;
  ++statistics_.commit_counts[bound - Journal::kCommitBounds.begin()];
}

}  // namespace descent::daemon
