#include "server/daemon/journal/writer.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/common/log.h"
#include "server/daemon/journal/rollup.h"
#include "server/daemon/journal/row_builder.h"
#include "server/daemon/journal/stored_journal.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

// How much of what can wait is done between two commits: about 5 ms.
constexpr int64_t kChoreBytes = 1 << 20;
// Kept in the file for what comes next: 1 MiB.
constexpr int64_t kSparePages = 256;
// How long SQLite tries before it says that another program has the database locked.
constexpr int kBusyMillis = 1000;
constexpr int64_t kSweepNanos = 10'000'000'000;
// How long a busy journal's end goes unnoted, so that noting it costs a page a second.
constexpr int64_t kHeadsNanos = 1'000'000'000;
// On a full disk the pause between two tries doubles up to this many times Options::retry.
constexpr int kLongestPause = 20;
// Slices of what can wait that are done between two of these tries.
constexpr int kChoresWithoutRoom = 64;

// Whether somebody waits for it who has other things to do: see the class.
bool IsImpatient(Writer::Operation::Kind kind) {
  return kind == Writer::Operation::kCreate || kind == Writer::Operation::kDelete;
}

int64_t BatchBytes(const std::vector<RowPtr>& rows) {
  int64_t bytes = 0;
  for (const RowPtr& row : rows) {
    if (row->kind == v1::ITERATION) bytes += static_cast<int64_t>(row->entries.size());
  }
  return bytes;
}

}  // namespace

struct Writer::Change {
  explicit Change(JournalPtr journal) : journal(std::move(journal)) {}

  JournalPtr journal;
  RowJoiner joiner;
  const std::string* snapshot = nullptr;  // the newest; lives in its operation
  int64_t final_revision = 0;
  bool deleted = false;
  // After WriteChange:
  std::vector<RowPtr> rows;
  int64_t iteration_bytes = -1;
  int64_t stored_revision = 0;
  int64_t last_other_revision = 0;
};

Writer::Writer(std::unique_ptr<Connection> connection, const Journal::Options& options)
    : connection_(std::move(connection)),
      options_(options),
      files_(options.path),
      stall_(options.path, options.free_bytes) {}

absl::Status Writer::Start() {
  absl::StatusOr<std::unique_ptr<WriteStatements>> statements =
      WriteStatements::Prepare(*connection_);
  if (!statements.ok()) return statements.status();
  statements_ = *std::move(statements);
  connection_->SetBusyTimeout(kBusyMillis);
  const absl::StatusOr<int64_t> pages = connection_->QueryInt("PRAGMA page_count");
  if (!pages.ok()) return pages.status();
  const absl::StatusOr<int64_t> unused = statements_->UnusedPages();
  if (!unused.ok()) return unused.status();
  shrinking_ = *unused > *pages / 4;
  if (absl::Status status = files_.Check(); !status.ok()) return status;
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Writer::Enqueue(Operation operation) {
  {
    MutexLock lock(mutex_);
    if (!stopped_) {
      const bool wake = waiting_ || (waiting_for_room_ && IsImpatient(operation.kind));
      queue_.push_back(std::move(operation));
      if (wake) wake_.Signal();
      return;
    }
  }
  if (operation.done) operation.done(absl::UnavailableError("the journal has been closed"));
}

void Writer::Stop() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    wake_.Signal();
  }
  if (thread_.joinable()) thread_.join();
  if (statements_ != nullptr && !moved_heads_.empty() && stall_.failure().ok()) {
    // Nothing that was acknowledged depends on it.
    Transact([&] { return NoteHeads(); }).IgnoreError();
  }
  // Journals hold the writer: without this both would live for ever.
  thinning_.clear();
  with_tails_.clear();
  moved_heads_.clear();
  statements_.reset();
  connection_.reset();
}

absl::Status Writer::health() {
  if (absl::Status status = stall_.failure(); !status.ok()) return status;
  if (absl::Status status = files_.Check(); !status.ok()) stall_.Fail(status);
  return stall_.status();
}

Journal::Statistics Writer::statistics() const {
  MutexLock lock(mutex_);
  return statistics_;
}

void Writer::Run() {
  bool chores = true;
  while (true) {
    Operations operations;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !chores) {
        if (stop_) {
          stopped_ = true;
          return;
        }
        waiting_ = true;
        chores = !wake_.WaitFor(mutex_, std::chrono::nanoseconds(kSweepNanos));
        waiting_ = false;
      }
      if (stop_ && queue_.empty()) {  // chores go on at the next start
        stopped_ = true;
        return;
      }
      operations.swap(queue_);
    }
    const bool idle = operations.empty();
    if (!idle) Commit(std::move(operations));
    chores = Chore(idle);
  }
}

template <class Body>
absl::Status Writer::Transact(Body body) {
  absl::Status status = WaitForLock([&] { return statements_->Begin(); });
  if (status.ok()) status = body();
  if (status.ok()) status = WaitForLock([&] { return statements_->Commit(); });
  if (!status.ok() && connection_->in_transaction()) {
    connection_->Execute("ROLLBACK").IgnoreError();
    if (connection_->in_transaction()) {
      status = absl::UnavailableError(absl::StrCat(
          "a transaction can't be rolled back after this: ", std::string(status.message())));
    }
  }
  // What went to a file that nobody will find again is not durable.
  if (status.ok()) status = files_.Check();
  return status;
}

template <class Step>
absl::Status Writer::WaitForLock(Step step) {
  absl::Status status = step();
  if (!absl::IsAborted(status)) return status;
  stall_.Lock(status);
  while (true) {
    status = step();  // takes kBusyMillis
    if (!absl::IsAborted(status)) break;
    MutexLock lock(mutex_);
    if (stop_) break;
  }
  stall_.Over();
  return status;
}

// ------------------------------------------------------------------------------------- Committing

void Writer::Commit(Operations operations) {
  std::chrono::nanoseconds pause = options_.retry;
  while (!gave_up_) {
    absl::Status status = stall_.failure();
    if (status.ok()) status = TryCommit(operations, /*alone=*/false);
    if (status.ok()) return;
    if (!absl::IsResourceExhausted(status)) {
      if (stall_.failure().ok()) stall_.Fail(status);
      return Refuse(operations, stall_.failure());
    }
    stall_.DiskFull(status);
    const absl::Status full = stall_.status();
    Operations impatient = TakeImpatient(operations);
    if (operations.empty()) stall_.Forget();
    DoWithoutRoom(std::move(impatient), full);
    if (operations.empty()) return;
    // At the end, what is not written was acknowledged to nobody: its senders have it still.
    gave_up_ = !WaitForRoom(pause);
    // What was thinned or deleted may make some.
    for (int i = 0; i < kChoresWithoutRoom && !gave_up_ && Chore(/*idle=*/false); ++i) {
    }
    pause = std::min(2 * pause, kLongestPause * options_.retry);
  }
  Refuse(operations, stall_.status());
}

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

// -------------------------------------------------------------------------------- On a full disk

Writer::Operations Writer::TakeImpatient(Operations& operations) {
  const auto first = std::stable_partition(
      operations.begin(), operations.end(),
      [](const Operation& operation) { return !IsImpatient(operation.kind); });
  Operations impatient(std::make_move_iterator(first), std::make_move_iterator(operations.end()));
  operations.erase(first, operations.end());
  return impatient;
}

void Writer::DoWithoutRoom(Operations impatient, const absl::Status& full) {
  for (Operation& operation : impatient) {
    Operations one;
    one.push_back(std::move(operation));
    // For its few pages there may be room.
    if (one.front().kind == Operation::kDelete && stall_.failure().ok()) {
      const absl::Status status = TryCommit(one, /*alone=*/true);
      if (status.ok()) continue;
      if (!absl::IsResourceExhausted(status)) stall_.Fail(status);
    }
    Refuse(one, stall_.failure().ok() ? full : stall_.failure());
  }
}

bool Writer::WaitForRoom(std::chrono::nanoseconds pause) {
  const auto end = std::chrono::steady_clock::now() + pause;
  while (true) {
    Operations impatient;
    {
      MutexLock lock(mutex_);
      if (stop_) return false;
      impatient = TakeImpatient(queue_);
      if (impatient.empty()) {
        const auto left = end - std::chrono::steady_clock::now();
        if (left <= std::chrono::nanoseconds(0)) return true;
        waiting_for_room_ = true;
        wake_.WaitFor(mutex_, left);
        waiting_for_room_ = false;
      }
    }
    DoWithoutRoom(std::move(impatient), stall_.status());
    if (!stall_.failure().ok()) return true;
  }
}

// ---------------------------------------------------------------------------------------- Writing

absl::Status Writer::Write(Operations& operations, std::vector<absl::Status>& results,
                           std::vector<Change>& changes) {
  while (true) {
    JournalPtr damaged;
    const absl::Status status = TryWrite(operations, results, changes, &damaged);
    if (damaged == nullptr || !absl::IsDataLoss(status)) return status;
    // Nothing was written: once more, without the journal whose pages can't be read.
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
  if (change.iteration_bytes >= 0) change.iteration_bytes += BatchBytes(change.rows);
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

// ------------------------------------------------------------------------------- What can wait

bool Writer::Chore(bool idle) {
  if (!stall_.failure().ok()) return false;
  SweepTails();
  absl::Status status;
  if (idle && !moved_heads_.empty()) {
    status = Transact([&] { return NoteHeads(); });
    if (status.ok()) HeadsAreNoted();
  } else if (!thinning_.empty()) {
    bool finished = false;
    status = Thin(thinning_.front(), &finished);
    if (absl::IsDataLoss(status)) status = thinning_.front()->SetDamage(status);
    if (!absl::IsResourceExhausted(status) && (finished || !status.ok())) {
      thinning_.erase(thinning_.begin());
    }
  } else if (removing_) {
    status = RemoveSome();
    if (absl::IsDataLoss(status)) removing_ = false;
  } else if (shrinking_) {
    status = ShrinkSome();
    if (absl::IsDataLoss(status)) shrinking_ = false;
  }
  // Nothing was done; after the next commit, or the next pause, there may be room.
  if (absl::IsResourceExhausted(status)) return false;
  // Damage concerns what is read; what is appended goes elsewhere.
  if (absl::IsDataLoss(status)) server::LogError("journal", std::string(status.message()));
  if (!status.ok() && !absl::IsDataLoss(status)) stall_.Fail(status);
  return stall_.failure().ok() && (removing_ || shrinking_ || !thinning_.empty());
}

absl::Status Writer::RemoveSome() {
  bool more = false;
  const absl::Status status = Transact([&]() -> absl::Status {
    const absl::StatusOr<bool> removed = statements_->RemoveSome(kChoreBytes);
    if (!removed.ok()) return removed.status();
    more = *removed;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  shrinking_ = shrinking_ || more;
  removing_ = more;
  return status;
}

absl::Status Writer::ShrinkSome() {
  const absl::StatusOr<int64_t> unused = statements_->UnusedPages();
  if (!unused.ok()) return unused.status();
  if (*unused > kSparePages) {
    absl::Status status = Transact([&] { return statements_->Shrink(); });
    if (!status.ok()) return status;
    const absl::StatusOr<int64_t> left = statements_->UnusedPages();
    if (!left.ok()) return left.status();
    if (*left < *unused) return absl::OkStatus();
  }
  shrinking_ = false;  // or the file can't shrink
  return statements_->FoldLog();
}

absl::Status Writer::Thin(const JournalPtr& journal, bool* finished) {
  StoredJournal::Notes& notes = journal->notes;
  *finished = true;
  if (notes.deleted) return absl::OkStatus();
  int64_t bytes = notes.iteration_bytes;
  if (bytes < 0) {
    absl::StatusOr<int64_t> later =
        statements_->CountIterationBytes(journal->number(), notes.counted_revision);
    if (!later.ok()) return later.status();
    notes.iteration_bytes = bytes = notes.counted_bytes + *later;
  }
  // Once over the limit, a little below it, so that not every append thins.
  const int64_t target = notes.retain_bytes - std::min<int64_t>(notes.retain_bytes / 16, 8 << 20);
  if (bytes <= (notes.thinning ? target : notes.retain_bytes)) {
    notes.retain_bytes = -1;
    notes.thinning = false;
    return absl::OkStatus();
  }
  int64_t compacted_revision = journal->compacted_revision();
  const absl::Status status = Transact([&]() -> absl::Status {
    absl::StatusOr<std::vector<RowPtr>> rows =
        statements_->OldestBatches(journal->number(), compacted_revision, notes.stored_revision,
                                   std::min(kChoreBytes, bytes - target));
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return absl::OkStatus();  // only the newest is left, which stays
    *finished = false;
    for (const Rollup& rollup : RollUp(*rows)) {
      absl::Status status = statements_->MergeRollup(journal->number(), rollup);
      if (!status.ok()) return status;
    }
    for (const RowPtr& row : *rows) {
      absl::Status status = statements_->RemoveRow(journal->number(), *row);
      if (!status.ok()) return status;
    }
    bytes -= BatchBytes(*rows);
    compacted_revision = rows->back()->last_revision;
    return statements_->UpdateLine({.number = journal->number(),
                                    .job_id = journal->job_id(),
                                    .compacted_revision = compacted_revision,
                                    .iteration_bytes = bytes,
                                    .counted_revision = notes.stored_revision,
                                    .last_other_revision = notes.last_other_revision});
  });
  if (!status.ok()) return status;
  notes.thinning = !*finished;
  if (*finished) notes.retain_bytes = -1;
  notes.iteration_bytes = bytes;
  journal->PublishCompacted(compacted_revision);
  return absl::OkStatus();
}

void Writer::SweepTails() {
  const int64_t now = options_.clock->MonotonicNanos();
  if (now < next_sweep_nanos_) return;
  next_sweep_nanos_ = now + std::min<int64_t>(kSweepNanos, options_.tail_idle.count());
  std::erase_if(with_tails_, [&](const JournalPtr& journal) {
    if (!journal->notes.deleted &&
        now - journal->notes.last_append_nanos < options_.tail_idle.count()) {
      return false;
    }
    journal->notes.has_tail = false;
    journal->ClearTail();
    return true;
  });
}

absl::Status Writer::NoteHeads() {
  for (const JournalPtr& journal : moved_heads_) {
    if (journal->notes.deleted) continue;
    absl::Status status = statements_->NoteHead(journal->number(), journal->notes.stored_revision);
    if (absl::IsDataLoss(status)) {
      server::LogError("journal", absl::StrCat("where journals end is not stored any more: ",
                                               std::string(status.message())));
      notes_heads_ = false;
      break;
    }
    if (!status.ok()) return status;
  }
  noted_heads_ = moved_heads_.size();
  return absl::OkStatus();
}

void Writer::HeadsAreNoted() {
  if (noted_heads_ == 0) return;
  const auto end = moved_heads_.begin() + static_cast<std::ptrdiff_t>(noted_heads_);
  std::for_each(moved_heads_.begin(), end,
                [](const JournalPtr& journal) { journal->notes.head_moved = false; });
  moved_heads_.erase(moved_heads_.begin(), end);
  noted_heads_ = 0;
  next_heads_nanos_ = options_.clock->MonotonicNanos() + kHeadsNanos;
}

void Writer::Count(int64_t events, int64_t bytes, int64_t nanos) {
  const double seconds = static_cast<double>(nanos) * 1e-9;
  const auto bound =
      std::lower_bound(Journal::kCommitBounds.begin(), Journal::kCommitBounds.end(), seconds);
  MutexLock lock(mutex_);
  ++statistics_.commits;
  statistics_.events += events;
  statistics_.bytes += bytes;
  statistics_.commit_seconds += seconds;
  ++statistics_.commit_counts[bound - Journal::kCommitBounds.begin()];
}

}  // namespace descent::daemon
