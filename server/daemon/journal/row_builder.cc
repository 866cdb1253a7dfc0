#include "server/daemon/journal/row_builder.h"

#include <utility>

#include "server/daemon/journal/wire.h"

namespace descent::daemon {
namespace {

// True if an event continues a batch that ends like `row`.
bool Continues(const Row& row, v1::EventKind kind, int64_t revision, int64_t iteration,
               int32_t branch, size_t bytes) {
  return row.kind == v1::ITERATION && kind == v1::ITERATION && revision == row.last_revision + 1 &&
         iteration == row.last_iteration + 1 && branch == row.branch &&
         static_cast<int64_t>(row.entries.size() + bytes) <= kMaxRowBytes;
}

// Gives the bytes of the row that begins with this event: rows stay in memory for long, and room
// that they don't use, where other events come between iterations, would be most of it.
size_t BatchSize(const std::vector<PendingEvent>& events, size_t first, int64_t revision) {
  size_t bytes = EntrySize(events[first].bytes, revision);
  if (events[first].kind != v1::ITERATION) return bytes;
  for (size_t i = first + 1; i < events.size(); ++i) {
    const PendingEvent& event = events[i];
    const size_t size = EntrySize(event.bytes, ++revision);
    if (event.kind != v1::ITERATION || event.branch != events[first].branch ||
        event.iteration != events[i - 1].iteration + 1 ||
        static_cast<int64_t>(bytes + size) > kMaxRowBytes) {
      break;
    }
    bytes += size;
  }
  return bytes;
}

}  // namespace

std::vector<RowPtr> BuildRows(const std::vector<PendingEvent>& events, int64_t first_revision) {
  std::vector<RowPtr> rows;
  std::shared_ptr<Row> row;
  int64_t revision = first_revision;
  for (size_t i = 0; i < events.size(); ++i, ++revision) {
    const PendingEvent& event = events[i];
    const size_t size = EntrySize(event.bytes, revision);
    if (row == nullptr ||
        !Continues(*row, event.kind, revision, event.iteration, event.branch, size)) {
      row = std::make_shared<Row>();
      row->kind = event.kind;
      row->branch = event.branch;
      row->first_revision = revision;
      row->first_iteration = event.iteration;
      row->request_id = event.request_id;
      row->entries.reserve(BatchSize(events, i, revision));
      rows.push_back(row);
    }
    row->last_revision = revision;
    row->last_iteration = event.iteration;
    AppendEntry(event.bytes, revision, &row->entries);
  }
  return rows;
}

void RowJoiner::Add(RowPtr row) {
  if (last_ != nullptr && Continues(*last_, row->kind, row->first_revision, row->first_iteration,
                                    row->branch, row->entries.size())) {
    if (joined_ == nullptr) {
      joined_ = std::make_shared<Row>(*last_);
      last_ = joined_;
    }
    joined_->entries += row->entries;
    joined_->last_revision = row->last_revision;
    joined_->last_iteration = row->last_iteration;
    return;
  }
  Flush();
  last_ = std::move(row);
}

std::vector<RowPtr> RowJoiner::Finish() {
  Flush();
  return std::move(rows_);
}

void RowJoiner::Flush() {
  if (last_ != nullptr) rows_.push_back(std::move(last_));
  last_ = nullptr;
  joined_ = nullptr;
}

}  // namespace descent::daemon
