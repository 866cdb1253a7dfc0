// The part of the writer that does what can wait, a little at a time.

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/common/log.h"
#include "server/daemon/journal/rollup.h"
#include "server/daemon/journal/stored_journal.h"
#include "server/daemon/journal/writer.h"

namespace descent::daemon {
namespace {

// How much of what can wait is done between two commits: about 5 ms.
constexpr int64_t kChoreBytes = 1 << 20;
// So much is kept in the file for what comes next: 1 MiB.
constexpr int64_t kSparePages = 256;
// How long a busy journal's end goes unnoted, so that noting it costs a page a second.
constexpr int64_t kHeadsNanos = 1'000'000'000;

}  // namespace

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
  // Once it is over the limit it goes a little below it, so that not every append thins.
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
    bytes -= IterationBytes(*rows);
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
    if (journal->notes.deleted || journal->is_damaged()) continue;
    // Iterations alone write nothing to the line, so that nobody else would miss it.
    absl::Status status = statements_->FindLine(journal->number());
    if (absl::IsDataLoss(status)) {
      journal->SetDamage(status).IgnoreError();
      continue;
    }
    if (!status.ok()) return status;
    status = statements_->NoteHead(journal->number(), journal->notes.stored_revision);
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

}  // namespace descent::daemon
