#include "server/daemon/journal/watch_cursor.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "server/daemon/journal/extremes.h"
#include "server/daemon/journal/wire.h"

namespace descent::daemon {
namespace {

// This is the message's limit, less the trailer.
constexpr size_t kMaxStalledBytes = 2048;
constexpr int64_t kMaxPieceBytes = (1 << 20) - 64 - static_cast<int64_t>(kMaxStalledBytes);
// Shorter runs of entries are copied together: a slice costs more than a copy of so few bytes.
constexpr size_t kMinSharedBytes = 1024;
// A watcher whose filter takes nothing hears from time to time how far it is.
constexpr int64_t kSilentRevisions = 8192;

constexpr int kScannedRevisionTag = 2, kHeadRevisionTag = 3, kStalledTag = 4;

void AppendVarintField(int tag, int64_t value, std::string* out) {
  AppendVarint(static_cast<uint64_t>(tag) << 3, out);
  AppendVarint(static_cast<uint64_t>(value), out);
}

}  // namespace

// Gathers slices: long runs shared, short ones copied.
class WatchCursor::Builder {
 public:
  bool HasRoomFor(size_t bytes) const {
    return events_ == 0 || static_cast<int64_t>(bytes_ + bytes) <= kMaxPieceBytes;
  }
  int64_t events() const { return events_; }

  // `bytes` are whole entries within the row.
  void Add(const RowPtr& row, std::string_view bytes, int64_t events) {
    events_ += events;
    bytes_ += bytes.size();
    if (bytes.size() < kMinSharedBytes) {
      if (copy_ == nullptr) copy_ = std::make_shared<std::string>();
      copy_->append(bytes);
      return;
    }
    FlushCopy();
    slices_.push_back({std::shared_ptr<const char>(row, bytes.data()), bytes.size()});
  }

  void Build(WatchPiece* piece) {
    FlushCopy();
    piece->slices = std::move(slices_);
    piece->events = events_;
  }

 private:
  void FlushCopy() {
    if (copy_ == nullptr) return;
    const size_t size = copy_->size();
    const char* const data = copy_->data();
    slices_.push_back({std::shared_ptr<const char>(std::move(copy_), data), size});
    copy_ = nullptr;
  }

  std::vector<WatchPiece::Slice> slices_;
  std::shared_ptr<std::string> copy_;  // not in slices_ yet
  size_t bytes_ = 0;
  int64_t events_ = 0;
};

absl::StatusOr<WatchCursor> WatchCursor::Create(std::shared_ptr<JobJournal> journal,
                                                int64_t after_revision, WatchFilter filter) {
  if (after_revision < 0) {
    return absl::OutOfRangeError(absl::StrCat("after_revision is ", after_revision,
                                              "; it must be at least 0, which means the start"));
  }
  // No number of a damaged journal is believed.
  if (absl::Status damage = journal->damage(); !damage.ok()) return damage;
  const int64_t head = journal->head_revision();
  if (after_revision > head) {
    return absl::OutOfRangeError(absl::StrCat("after_revision is ", after_revision,
                                              ", past the journal's head: it must be at most ",
                                              head));
  }
  WatchCursor cursor(std::move(journal), after_revision, std::move(filter));
  const int64_t compacted = cursor.journal_->compacted_revision();
  if (after_revision < compacted && cursor.Wanted(v1::ITERATION)) {
    return absl::OutOfRangeError(absl::StrCat("after_revision is ", after_revision,
                                              ", but iteration events up to ", compacted,
                                              " have been thinned: it must be at least ", compacted,
                                              ", or `kinds` must leave out iterations"));
  }
  return cursor;
}

WatchCursor::WatchCursor(std::shared_ptr<JobJournal> journal, int64_t after_revision,
                         WatchFilter filter)
    : journal_(std::move(journal)),
      filter_(std::move(filter)),
      cursor_(after_revision),
      announced_(after_revision) {}

bool WatchCursor::Wanted(v1::EventKind kind) const {
  return filter_.kinds.empty() ||
         std::find(filter_.kinds.begin(), filter_.kinds.end(), kind) != filter_.kinds.end();
}

WatchCursor::Next WatchCursor::Poll(WatchPiece* piece) {
  Builder builder;
  while (true) {
    while (!rows_.empty()) {
      const RowPtr& row = rows_.front();
      if (row->last_revision > cursor_) {
        if (!Take(row, builder)) return Finish(builder, Next::kPiece, piece);
        cursor_ = row->last_revision;
      }
      rows_.pop_front();
    }
    std::optional<std::vector<RowPtr>> tail = journal_->Tail(cursor_, kMaxPieceBytes);
    if (!tail.has_value()) return Finish(builder, Next::kNeedsStore, piece);
    if (tail->empty()) {
      const int64_t final_revision = journal_->final_revision();
      const bool end = final_revision > 0 && cursor_ >= final_revision;
      return Finish(builder, end ? Next::kEnd : Next::kAtHead, piece);
    }
    rows_.assign(tail->begin(), tail->end());
  }
}

bool WatchCursor::Take(const RowPtr& row, Builder& builder) const {
  if (!Wanted(row->kind)) return true;
  const bool thin = row->kind == v1::ITERATION && filter_.every > 1;
  if (!thin && row->first_revision > cursor_) {
    if (!builder.HasRoomFor(row->entries.size())) return false;
    builder.Add(row, row->entries, row->last_revision - row->first_revision + 1);
    return true;
  }
  if (!builder.HasRoomFor(row->entries.size())) return false;  // a bound is enough
  if (thin && filter_.extremes) {
    for (const Entry& entry : Extremes(*row, cursor_, filter_.every)) {
      builder.Add(row, entry.bytes, 1);
    }
    return true;
  }
  if (thin) {
    if (row->last_iteration / filter_.every * filter_.every < row->first_iteration) return true;
    for (const Entry& entry : Entries(*row)) {
      if (entry.revision <= cursor_ || entry.iteration % filter_.every != 0) continue;
      builder.Add(row, entry.bytes, 1);
    }
    return true;
  }
  for (const Entry& entry : Entries(*row)) {  // begins before the cursor: its later part
    if (entry.revision <= cursor_) continue;
    const size_t offset = static_cast<size_t>(entry.bytes.data() - row->entries.data());
    builder.Add(row, std::string_view(row->entries).substr(offset), row->last_revision - cursor_);
    break;
  }
  return true;
}

WatchCursor::Next WatchCursor::Finish(Builder& builder, Next otherwise, WatchPiece* piece) {
  const int64_t silent = cursor_ - announced_;
  const bool announce = silent >= kSilentRevisions || (otherwise == Next::kEnd && silent > 0);
  if (builder.events() == 0 && !announce) return otherwise;
  Write(builder, piece);
  return Next::kPiece;
}

bool WatchCursor::Announce(WatchPiece* piece) {
  const bool changed = journal_->stalled().ok() == announced_stalled_;
  if (cursor_ <= announced_ && !changed) return false;
  Builder nothing;
  Write(nothing, piece);
  return true;
}

void WatchCursor::Write(Builder& builder, WatchPiece* piece) {
  *piece = WatchPiece();
  builder.Build(piece);
  announced_ = cursor_;
  piece->scanned_revision = cursor_;
  piece->head_revision = std::max(cursor_, journal_->head_revision());
  AppendVarintField(kScannedRevisionTag, piece->scanned_revision, &piece->trailer);
  AppendVarintField(kHeadRevisionTag, piece->head_revision, &piece->trailer);
  const absl::Status stalled = journal_->stalled();
  announced_stalled_ = !stalled.ok();
  if (stalled.ok()) return;
  const std::string text = ShortUtf8(std::string(stalled.message()), kMaxStalledBytes);
  AppendVarint(kStalledTag << 3 | static_cast<uint64_t>(WireType::kBytes), &piece->trailer);
  AppendVarint(text.size(), &piece->trailer);
  piece->trailer += text;
}

absl::Status WatchCursor::Fetch() {
  const int64_t head = journal_->head_revision();
  absl::StatusOr<std::vector<RowPtr>> rows = journal_->Read(cursor_, kMaxPieceBytes, filter_.kinds);
  if (!rows.ok()) return rows.status();
  if (rows->empty()) {  // nothing of these kinds is left
    cursor_ = std::max(cursor_, head);
  } else {
    rows_.assign(rows->begin(), rows->end());
  }
  return absl::OkStatus();
}

}  // namespace descent::daemon
