#include "server/daemon/api/watch.h"

#include <grpcpp/support/slice.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "descent/v1/training_service.pb.h"
#include "proto/rpc_status.h"
#include "server/common/mutex.h"
#include "server/common/reactor.h"
#include "server/daemon/api/wire_request.h"
#include "server/daemon/journal/watch_cursor.h"
#include "server/daemon/requests/open_watch.h"
#include "server/daemon/security/shares.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

// How often a watcher is told how far it is if nothing comes that it asked for.
constexpr int64_t kAnnouncePeriod = server::kSecond;

// Gives the journal's bytes as gRPC's, which keeps them alive for as long as it needs them.
grpc::Slice ShareBytes(const WatchPiece::Slice& slice) {
  using Data = std::shared_ptr<const char>;
  return grpc::Slice(
      const_cast<char*>(slice.data.get()), slice.size,
      [](void* data) { delete static_cast<Data*>(data); }, new Data(slice.data));
}

grpc::ByteBuffer ToWire(const WatchPiece& piece) {
  std::vector<grpc::Slice> slices;
  slices.reserve(piece.slices.size() + 1);
  for (const WatchPiece::Slice& slice : piece.slices) slices.push_back(ShareBytes(slice));
  slices.emplace_back(piece.trailer);
  return grpc::ByteBuffer(slices.data(), slices.size());
}

using WriteReactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

class Refusal final : public server::CallReactor<WriteReactor> {
 public:
  explicit Refusal(const absl::Status& status) {
    MutexLock lock(mutex_);
    FinishOnce(ToGrpcStatus(status));
  }
};

}  // namespace

// One watcher. At any time at most one thread is at work for it, the owner of `busy_`: it composes
// the next message, hands it to gRPC and so passes the ownership on to OnWritten; or it finds
// nothing to send and gives it up, and the next news takes it. Only the owner ends the call, as its
// last act.
class Watcher final : public server::StreamReactor<WriteReactor> {
 public:
  Watcher(WatchService* service, Caller caller, OpenedWatch opened)
      : service_(*service),
        caller_(std::move(caller)),
        place_(std::move(opened.place)),
        cursor_(std::move(opened.cursor)) {}

  const Caller& caller() const { return caller_; }

  // Must be called once, when the watcher is among the service's watchers.
  void Start(JobJournal& journal) {
    subscription_ = journal.Subscribe([this] { Wake(); });
    Wake();
  }

  // Says that there may be something to do. Any thread; does not block.
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(mutex_);
      news_ = true;
      if (busy_) return;
      busy_ = true;
    }
    service_.live_.Post([this, self = shared_from_this()] { Work(); });
  }

  // Says that some time has passed: what has been looked through in silence is said, as if by an
  // event. Any thread.
  void Tick() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(mutex_);
      tick_ = true;
    }
    Wake();
  }

  // How many events it has not been given, as of when it was last at work. Any thread.
  int64_t lag() const { return lag_.load(std::memory_order_relaxed); }

  // Ends the watch with `status` as soon as the message in flight is gone. Any thread.
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(mutex_);
      if (end_.ok()) end_ = status;
    }
    Wake();
  }

  // A write in flight comes back by itself, as failed.
  void OnCancel() override { End(absl::CancelledError("the client is gone")); }

 private:
  bool NextMessage(grpc::ByteBuffer* message) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!composed_) return false;
    composed_ = false;
    message->Swap(&buffer_);
    return true;
  }

  void OnWritten(bool ok) override {
    if (!ok) {
      MutexLock lock(mutex_);
      if (end_.ok()) end_ = absl::CancelledError("the client is gone");
    }
    Work();
  }

  void OnGone() override {
    subscription_.reset();
    service_.Forget(this);
  }

  // These are called by the owner of busy_. The watcher may be gone when they return.
  void Work() {
    Guarded([this] { Advance(); });
  }

  void Guarded(const std::function<void()>& step) {
    try {
      step();
    } catch (const std::exception& error) {
      FinishWith(absl::InternalError(error.what()));
    }
  }

  void Advance() ABSL_LOCKS_EXCLUDED(mutex_) {
    while (true) {
      absl::Status end;
      {
        MutexLock lock(mutex_);
        news_ = false;
        end = end_;
      }
      if (!end.ok()) return FinishWith(end);
      if (caught_up_ && service_.clock_->MonotonicNanos() < next_turn_) {
        service_.live_.PostAt(next_turn_,
                              [this, self = shared_from_this()] { Work(); });  // busy_ goes with it
        return;
      }
      WatchPiece piece;
      const WatchCursor::Next next = cursor_.Poll(&piece);
      lag_.store(cursor_.lag(), std::memory_order_relaxed);
      if (next != WatchCursor::Next::kPiece && TakeTick() && cursor_.Announce(&piece)) {
        return Send(piece);
      }
      switch (next) {
        case WatchCursor::Next::kPiece:
          return Send(piece);
        case WatchCursor::Next::kNeedsStore:
          caught_up_ = false;
          service_.readers_.Post(
              [this, self = shared_from_this()] { Guarded([this] { Fetch(); }); });
          return;
        case WatchCursor::Next::kEnd:
          return FinishWith(absl::OkStatus());
        case WatchCursor::Next::kAtHead:
          caught_up_ = true;
          MutexLock lock(mutex_);
          if (news_) break;
          busy_ = false;
          return;
      }
    }
  }

  bool TakeTick() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return std::exchange(tick_, false);
  }

  // Sends the piece; busy_ goes on to OnWritten.
  void Send(const WatchPiece& piece) {
    grpc::ByteBuffer buffer = ToWire(piece);
    next_turn_ = service_.NextTurn(&pace_window_);
    MutexLock lock(mutex_);
    buffer_.Swap(&buffer);
    composed_ = true;
    WriteNext();
  }

  void Fetch() {
    const absl::Status status = cursor_.Fetch();
    if (!status.ok()) return FinishWith(status);
    Advance();
  }

  // Ends the call; busy_ stays taken, so nobody works for this watcher again.
  void FinishWith(const absl::Status& status) {
    MutexLock lock(mutex_);
    EndWith(ToGrpcStatus(status));
  }

  WatchService& service_;
  const Caller caller_;
  const Share place_;
  WatchCursor cursor_;  // the owner's
  // This is the owner's: once the watcher has been at the journal's head it waits for its turns.
  bool caught_up_ = false;
  int64_t next_turn_ = 0;
  int64_t pace_window_ = -1;
  std::atomic<int64_t> lag_ = 0;
  std::unique_ptr<Subscription> subscription_;
  grpc::ByteBuffer buffer_ ABSL_GUARDED_BY(mutex_);  // what is to be sent next, if it is composed
  bool composed_ ABSL_GUARDED_BY(mutex_) = false;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool news_ ABSL_GUARDED_BY(mutex_) = false;
  bool tick_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
};

WatchService::WatchService(Requests requests, Callers callers, int reader_threads,
                           const server::Clock* clock)
    : requests_(requests),
      callers_(callers),
      clock_(clock),
      readers_(reader_threads),
      live_(clock) {
  live_.PostAfter(kAnnouncePeriod, [this] { Announce(); });
}

WatchService::~WatchService() {
  server::MutexLock lock(mutex_);
  while (!watchers_.empty()) none_left_.Wait(mutex_);
}

WriteReactor* WatchService::Watch(const absl::StatusOr<Caller>& caller,
                                  const grpc::ByteBuffer* request) {
  try {
    const absl::StatusOr<std::shared_ptr<Watcher>> watcher = Admit(caller, *request);
    if (watcher.ok()) return (*watcher)->Begin();
    return std::make_shared<Refusal>(watcher.status())->Begin();
  } catch (const std::exception& error) {
    return std::make_shared<Refusal>(absl::InternalError(error.what()))->Begin();
  }
}

absl::StatusOr<std::shared_ptr<Watcher>> WatchService::Admit(const absl::StatusOr<Caller>& caller,
                                                             const grpc::ByteBuffer& buffer) {
  if (!caller.ok()) return caller.status();
  v1::WatchJobRequest request;
  if (absl::Status status = ReadRequest(buffer, &request); !status.ok()) return status;
  absl::StatusOr<OpenedWatch> opened = requests_.Watch(*caller, request);
  if (!opened.ok()) return opened.status();
  const std::shared_ptr<JobJournal> journal = opened->journal;
  auto watcher = std::make_shared<Watcher>(this, *caller, *std::move(opened));
  {
    server::MutexLock lock(mutex_);
    watchers_.insert(watcher.get());
    if (!ended_.ok()) watcher->End(ended_);
  }
  watcher->Start(*journal);
  return watcher;
}

void WatchService::EndAll(const absl::Status& status) {
  server::MutexLock lock(mutex_);
  ended_ = status;
  for (Watcher* watcher : watchers_) watcher->End(status);
}

void WatchService::Announce() {
  {
    server::MutexLock lock(mutex_);
    for (Watcher* watcher : watchers_) {
      const absl::Status holds = callers_.Holds(watcher->caller());
      if (holds.ok()) {
        watcher->Tick();
      } else {
        watcher->End(holds);
      }
    }
  }
  live_.PostAfter(kAnnouncePeriod, [this] { Announce(); });
}

int64_t WatchService::lag() const {
  server::MutexLock lock(mutex_);
  int64_t most = 0;
  for (const Watcher* watcher : watchers_) most = std::max(most, watcher->lag());
  return most;
}

int64_t WatchService::watchers() const {
  server::MutexLock lock(mutex_);
  return static_cast<int64_t>(watchers_.size());
}

int64_t WatchService::NextTurn(int64_t* pace_window) {
  const int64_t now = clock_->MonotonicNanos();
  return now + pace_.Send(now, pace_window);
}

void WatchService::Forget(Watcher* watcher) {
  server::MutexLock lock(mutex_);
  watchers_.erase(watcher);
  // It is signalled under the lock, because the one who waits destroys it all.
  if (watchers_.empty()) none_left_.SignalAll();
}

}  // namespace descent::daemon
