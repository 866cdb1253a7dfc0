#include "server/daemon/http/sse_source.h"

#include <string_view>
#include <utility>

#include "server/daemon/http/sse.h"
#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/watch_cursor.h"
#include "server/daemon/requests/open_watch.h"
#include "server/daemon/security/shares.h"

namespace descent::daemon {
namespace {

// So many reads of a MiB each are done in a row: others wait for this thread.
constexpr int kMostFetches = 8;

class SseSourceImpl final : public SseSource {
 public:
  explicit SseSourceImpl(OpenedWatch opened)
      : place_(std::move(opened.place)),
        cursor_(std::move(opened.cursor)),
        journal_(std::move(opened.journal)) {}

  void Subscribe(std::function<void()> on_news) {
    subscription_ = journal_->Subscribe(std::move(on_news));
  }

  absl::StatusOr<Chunk> Next(size_t max_bytes) override {
    Chunk chunk;
    int fetches = 0;
    while (chunk.text.size() < max_bytes) {
      std::string_view event;
      if (NextEvent(&event)) {
        AppendEvent(event, &chunk.text);
        continue;
      }
      switch (cursor_.Poll(&piece_)) {
        case WatchCursor::Next::kPiece:
          slice_ = 0;
          if (!piece_.slices.empty()) rest_ = piece_.slices[0].view();
          break;
        case WatchCursor::Next::kNeedsStore:
          if (++fetches > kMostFetches) return chunk;
          if (absl::Status status = cursor_.Fetch(); !status.ok()) return status;
          break;
        case WatchCursor::Next::kEnd:
          AppendEnd(cursor_.scanned_revision(), &chunk.text);
          chunk.ended = true;
          return chunk;
        case WatchCursor::Next::kAtHead:
          SayWhetherStalled(&chunk.text);
          chunk.at_head = true;
          return chunk;
      }
    }
    return chunk;
  }

  int64_t lag() const override { return cursor_.lag(); }

  std::string KeepAlive() override {
    std::string text(kSseKeepAlive);
    if (cursor_.scanned_revision() > told_revision_) {
      told_revision_ = cursor_.scanned_revision();
      AppendCursor(told_revision_, &text);
    }
    return text;
  }

 private:
  void SayWhetherStalled(std::string* text) {
    const absl::Status stalled = journal_->stalled();
    if (stalled.ok() != stalled_) return;
    stalled_ = !stalled.ok();
    AppendStalled(std::string(stalled.message()), text);
  }

  // Takes the next event of the piece, and frees the piece after the last one.
  bool NextEvent(std::string_view* event) {
    while (!NextEntry(&rest_, event)) {
      if (++slice_ >= piece_.slices.size()) {
        piece_ = WatchPiece();
        rest_ = {};
        return false;
      }
      rest_ = piece_.slices[slice_].view();
    }
    return true;
  }

  const Share place_;
  WatchCursor cursor_;
  WatchPiece piece_;       // being written
  size_t slice_ = 0;       // of piece_
  std::string_view rest_;  // of that slice
  int64_t told_revision_ = 0;
  const std::shared_ptr<JobJournal> journal_;
  bool stalled_ = false;                        // as it was said last
  std::unique_ptr<Subscription> subscription_;  // last: its callback may run until it is gone
};

}  // namespace

absl::StatusOr<std::unique_ptr<SseSource>> SseSource::Open(const Requests& requests,
                                                           const Caller& caller,
                                                           const v1::WatchJobRequest& request,
                                                           std::function<void()> on_news) {
  absl::StatusOr<OpenedWatch> opened = requests.Watch(caller, request);
  if (!opened.ok()) return opened.status();
  auto source = std::make_unique<SseSourceImpl>(*std::move(opened));
  source->Subscribe(std::move(on_news));
  return source;
}

}  // namespace descent::daemon
