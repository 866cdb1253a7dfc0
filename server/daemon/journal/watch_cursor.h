// A `WatchCursor` is what one watcher has yet to see of a journal. Not thread-safe: one call at a
// time.
//
// The order of calls is to Subscribe to the journal first, then to Poll until it gives no more
// pieces:
//
//   kPiece       send it, Poll again
//   kNeedsStore  call Fetch on a thread that may block, then Poll again
//   kAtHead      wait for the subscription's callback, then Poll again
//   kEnd         the job is final and everything was given: end the stream with OK
//
// A watcher that doesn't read holds at most about 2 MiB of rows here, and none at the head.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_WATCH_CURSOR_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_WATCH_CURSOR_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/row.h"

namespace descent::daemon {

// One message to a watcher: slices, then `trailer`, together are a serialized WatchJobResponse of
// at most 1 MiB (more only if a single event is larger). The slices' bytes are shared with the
// journal and with other watchers; they hold whole entries.
struct WatchPiece {
  struct Slice {
    std::shared_ptr<const char> data;
    size_t size = 0;
    std::string_view view() const { return {data.get(), size}; }
  };
  std::vector<Slice> slices;
  std::string trailer;  // scanned_revision, head_revision, stalled
  int64_t events = 0;
  int64_t scanned_revision = 0;
  int64_t head_revision = 0;

  // Calls `use` with each serialized event.
  template <class Use>
  void ForEachEvent(Use use) const {
    for (const Slice& slice : slices) {
      std::string_view rest = slice.view(), event;
      while (NextEntry(&rest, &event)) use(event);
    }
  }
};

class WatchCursor {
 public:
  // Gives OUT_OF_RANGE if the cursor is negative, past the head, or before compacted_revision while
  // iterations are wanted; the message says the bound.
  static absl::StatusOr<WatchCursor> Create(std::shared_ptr<JobJournal> journal,
                                            int64_t after_revision, WatchFilter filter);

  enum class Next { kPiece, kNeedsStore, kAtHead, kEnd };

  // Never blocks. Fills `piece` on kPiece only; a piece without events only says how far the
  // journal has been looked through.
  Next Poll(WatchPiece* piece);

  // Fills a piece that says how far the journal has been looked through, if the last one said less,
  // and whether nothing is written at present, if the last one said otherwise.
  bool Announce(WatchPiece* piece);

  // Reads the next rows from the store, so it blocks. An error ends the watch; OUT_OF_RANGE says
  // here that the watcher was so slow that retention has overtaken it.
  absl::Status Fetch();

  // All events up to here have been given or filtered out: it is the cursor to resume from.
  int64_t scanned_revision() const { return cursor_; }
  // How many events are durable that it has not given.
  int64_t lag() const { return std::max<int64_t>(journal_->head_revision() - cursor_, 0); }

 private:
  class Builder;

  WatchCursor(std::shared_ptr<JobJournal> journal, int64_t after_revision, WatchFilter filter);

  bool Wanted(v1::EventKind kind) const;
  // Adds what is wanted of a row. False if the piece is full, and the row is for the next one.
  bool Take(const RowPtr& row, Builder& builder) const;
  Next Finish(Builder& builder, Next otherwise, WatchPiece* piece);
  void Write(Builder& builder, WatchPiece* piece);

  std::shared_ptr<JobJournal> journal_;
  WatchFilter filter_;
  int64_t cursor_;
  int64_t announced_;  // scanned_revision of the last piece
  bool announced_stalled_ = false;
  std::deque<RowPtr> rows_;  // read, not looked at yet
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_WATCH_CURSOR_H_
