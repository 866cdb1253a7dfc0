// `EventStreams` serves clients that watch a journal by server-sent events. It is for server.cc
// alone, whose compilation it shares.
#ifndef DESCENT_SERVER_DAEMON_HTTP_EVENT_STREAMS_H_
#define DESCENT_SERVER_DAEMON_HTTP_EVENT_STREAMS_H_

#include <utility>
// (a line of its own, so that it is not sorted away)
#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/common/executor.h"
#include "server/common/mutex.h"
#include "server/daemon/http/client_stream.h"
#include "server/daemon/http/io.h"
#include "server/daemon/http/json.h"
#include "server/daemon/http/message.h"
#include "server/daemon/http/routes.h"
#include "server/daemon/http/sse.h"
#include "server/daemon/http/sse_source.h"
#include "server/daemon/http/stream_io.h"
#include "server/daemon/security/access.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class EventStreams {
 public:
  // These are as in HttpServer::Options.
  struct Times {
    double keep_alive_seconds;
    double write_seconds;
  };

  // Journals are read on `workers`. `access` may be null.
  EventStreams(Requests requests, const Access* access, Times times, IoThread& io,
               server::Executor& workers)
      : requests_(requests), access_(access), times_(times), io_(io), workers_(workers) {}

  // How many durable events the slowest client has not been given yet. Thread-safe.
  int64_t lag() const {
    server::MutexLock lock(feeds_mutex_);
    int64_t most = 0;
    for (const std::weak_ptr<Feed>& weak : feeds_) {
      if (const std::shared_ptr<Feed> feed = weak.lock()) most = std::max<int64_t>(most, feed->lag);
    }
    return most;
  }

  using StreamPtr = std::shared_ptr<ClientStream>;

  // Sends what is asked for until the job's journal has ended, or the client or the server goes; on
  // the I/O thread.
  net::awaitable<void> Serve(const StreamPtr& stream, const Routes::Watch& watch,
                             unsigned version) {
    const std::shared_ptr<Signal> news = io_.NewSignal();
    const auto feed = std::make_shared<Feed>();
    auto on_news = [mailbox = io_.mailbox(), weak = std::weak_ptr<Signal>(news),
                    posted = std::make_shared<std::atomic<bool>>(false)] {
      if (posted->exchange(true)) return;  // a wake-up is on its way
      mailbox->Post([weak, posted] {
        posted->store(false);
        if (const std::shared_ptr<Signal> signal = weak.lock()) signal->Set();
      });
    };
    const std::function<void()> open = [requests = requests_, feed, watch, on_news] {
      feed->source = SseSource::Open(requests, watch.caller, watch.request, on_news);
    };
    if (!co_await RunOnWorker(open)) co_return;
    if (!feed->source.ok()) {
      const HttpResponse response = ErrorResponse(feed->source.status());
      const ResponseForm form{.version = version};
      co_await WriteResponse(*stream, response, form, times_.write_seconds);
      co_return;
    }
    const bool chunked = version >= 11;
    if (!co_await WriteEventsHeader(*stream, version, chunked, times_.write_seconds)) co_return;
    {
      server::MutexLock lock(feeds_mutex_);
      std::erase_if(feeds_, [](const auto& gone) { return gone.expired(); });
      feeds_.push_back(feed);
    }
    co_await SendEvents(stream, watch.caller, feed, news, chunked);
  }

 private:
  static constexpr size_t kChunkBytes = 64 << 10;
  // The first thing that is sent to a client that has gone makes its kernel answer with a reset,
  // which the second meets.
  static constexpr int kProbes = 2;
  static constexpr std::chrono::nanoseconds kProbePause = std::chrono::milliseconds(500);
  // How often it is asked, without news, whether what let the client in is good still, and whether
  // the job is stalled.
  static constexpr std::chrono::nanoseconds kLook = std::chrono::seconds(1);

  // What a client's coroutine and the workers share; touched by one of them at a time.
  struct Feed {
    absl::StatusOr<std::unique_ptr<SseSource>> source = nullptr;
    absl::StatusOr<SseSource::Chunk> chunk = SseSource::Chunk();
    std::atomic<int64_t> lag = 0;
  };

  // What is known of a client that is sent events.
  struct Listener {
    std::shared_ptr<Signal> news;
    bool reset = false;
    // The client has closed its side of the connection: it listens still (`nc`), or is gone and
    // will say so when it is sent something. So often it is asked, without waiting for a
    // keep-alive.
    int probes = 0;
  };

  // Runs `work` on a worker and waits for it; false when the server is shutting down. What `work`
  // uses must belong to it: it may go on after that.
  net::awaitable<bool> RunOnWorker(const std::function<void()>& work) {
    const std::shared_ptr<Signal> ready = io_.NewSignal();
    workers_.Post([work, mailbox = io_.mailbox(), weak = std::weak_ptr<Signal>(ready)] {
      work();
      mailbox->Post([weak] {
        if (const std::shared_ptr<Signal> signal = weak.lock()) signal->Set();
      });
    });
    while (!co_await ready->Wait(std::chrono::hours(1))) {
    }
    co_return !io_.stopping();
  }

  // Has `listener` told when the client closes its side; what it says until then is dropped.
  static void NoticeEnd(const StreamPtr& stream, const std::shared_ptr<Listener>& listener) {
    const auto dropped = std::make_shared<std::array<char, 4096>>();
    stream->async_read_some(
        net::buffer(*dropped), [stream, dropped, weak = std::weak_ptr<Listener>(listener)](
                                   const error_code& error, size_t) {
          // The listener is its coroutine's, and gone with that.
          const std::shared_ptr<Listener> listener = weak.lock();
          if (listener == nullptr || error == net::error::operation_aborted) return;
          if (!error) return NoticeEnd(stream, listener);
          // Over TLS an end may come without its being said.
          listener->reset = error != net::error::eof && error != net::ssl::error::stream_truncated;
          listener->probes = kProbes;
          listener->news->Set();
        });
  }

  net::awaitable<void> SendEvents(const StreamPtr& stream, const Caller& caller,
                                  const std::shared_ptr<Feed>& feed,
                                  const std::shared_ptr<Signal>& news, bool chunked) {
    using Clock = std::chrono::steady_clock;
    const double seconds = times_.write_seconds;
    const std::function<void()> next = [feed] {
      feed->chunk = (*feed->source)->Next(kChunkBytes);
      feed->lag = (*feed->source)->lag();
    };
    const auto listener = std::make_shared<Listener>(Listener{.news = news});
    stream->expires_never();  // for what is read; what is written has its time each
    NoticeEnd(stream, listener);
    if (!co_await WriteChunk(*stream, kSseRetry, chunked, seconds)) co_return;
    Clock::time_point written = Clock::now();
    while (!io_.stopping() && !listener->reset) {
      if (access_ != nullptr) {
        if (const absl::Status holds = access_->Holds(caller); !holds.ok()) {
          std::string why;
          AppendRefused(std::string(holds.message()), &why);
          if (co_await WriteChunk(*stream, why, chunked, seconds) && chunked) {
            co_await WriteLastChunk(*stream);
          }
          co_return;
        }
      }
      if (!co_await RunOnWorker(next)) co_return;
      if (!feed->chunk.ok()) co_return;  // the client comes again and hears why
      if (!feed->chunk->text.empty()) {
        if (!co_await WriteChunk(*stream, feed->chunk->text, chunked, seconds)) co_return;
        written = Clock::now();
      }
      if (feed->chunk->ended) {
        if (chunked) co_await WriteLastChunk(*stream);
        co_return;
      }
      // A keep-alive is due by time, whatever goes by that the client did not ask for.
      std::chrono::nanoseconds pause = Seconds(times_.keep_alive_seconds);
      if (listener->probes > 0) pause = listener->probes == kProbes ? pause.zero() : kProbePause;
      const std::chrono::nanoseconds left = written + pause - Clock::now();
      if (left.count() <= 0) {
        if (listener->probes > 0) --listener->probes;
        const std::string keep_alive = (*feed->source)->KeepAlive();
        if (!co_await WriteChunk(*stream, keep_alive, chunked, seconds)) co_return;
        written = Clock::now();
        continue;
      }
      if (feed->chunk->at_head) co_await news->Wait(std::min(left, kLook));
    }
  }

  const Requests requests_;
  const Access* const access_;
  const Times times_;
  IoThread& io_;
  server::Executor& workers_;
  mutable server::Mutex feeds_mutex_;
  std::vector<std::weak_ptr<Feed>> feeds_ ABSL_GUARDED_BY(feeds_mutex_);
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_EVENT_STREAMS_H_
