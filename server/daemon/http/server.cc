// The only file that knows Beast: it takes 20 s to compile. Asio 1.74's coroutines need <utility>
// before them.
//
// g++ 12 destroys some temporaries in a co_await's arguments twice: what the coroutines here are
// given has a name.
#include <utility>
// (a line of its own, so that it is not sorted away)
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <chrono>
#include <exception>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/common/executor.h"
#include "server/common/log.h"
#include "server/common/mutex.h"
#include "server/daemon/http/beast_message.h"
#include "server/daemon/http/io.h"
#include "server/daemon/http/json.h"
#include "server/daemon/http/routes.h"
#include "server/daemon/http/server.h"
#include "server/daemon/http/sse.h"
#include "server/daemon/http/sse_source.h"
#include "server/daemon/sockets/descriptors.h"
#include "server/daemon/sockets/listen_address.h"

namespace descent::daemon {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = net::ip::tcp;

constexpr size_t kChunkBytes = 64 << 10;
// How long a command's answer is waited for.
constexpr std::chrono::seconds kAnswerTime(120);
// The first thing that a client is sent that has gone makes its kernel answer with a reset, which
// the second meets.
constexpr int kProbes = 2;
constexpr std::chrono::nanoseconds kProbePause = std::chrono::milliseconds(500);

class HttpServerImpl final : public HttpServer {
 public:
  HttpServerImpl(Requests requests, Options options)
      : options_(std::move(options)),
        requests_(requests),
        routes_(requests, {.metrics = options_.metrics, .health = options_.health}),
        mailbox_(std::make_shared<Mailbox>(io_)) {}

  ~HttpServerImpl() override { HttpServerImpl::Shutdown(); }

  absl::Status Start() {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(options_.listen, "--http");
    if (!address.ok()) return address.status();
    if (absl::Status status = ProbeListenAddress(*address, "--http"); !status.ok()) return status;
    error_code error;
    const tcp::endpoint endpoint(net::ip::make_address(address->host, error),
                                 static_cast<uint16_t>(address->port));
    // Asio neither marks its sockets close-on-exec nor sets SO_REUSEPORT.
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
    if (!error) acceptor_.set_option(net::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(net::socket_base::max_listen_connections, error);
    if (error) {
      return MakeError(
          absl::StatusCode::kUnavailable,
          absl::StrCat("--http: cannot listen on ", address->ToString(), ": ", error.message()),
          reason::kCannotListen);
    }
    port_ = acceptor_.local_endpoint().port();
    protocol_ = endpoint.protocol();
    address_ = ListenAddress{.host = address->host, .port = port_}.ToString();
    net::co_spawn(io_, Accept(), net::detached);
    thread_ = std::thread([this] { Run(); });
    return absl::OkStatus();
  }

  const std::string& address() const override { return address_; }
  int port() const override { return port_; }
  int64_t watchers() const override { return watchers_.load(std::memory_order_relaxed); }
  int64_t lag() const override {
    server::MutexLock lock(feeds_mutex_);
    int64_t most = 0;
    for (const std::weak_ptr<Feed>& weak : feeds_) {
      if (const std::shared_ptr<Feed> feed = weak.lock()) most = std::max<int64_t>(most, feed->lag);
    }
    return most;
  }
  int64_t connections() const override { return connections_; }
  int64_t refused_connections() const override { return refused_; }

  void Shutdown() override {
    if (!thread_.joinable()) return;
    mailbox_->Post([this] {
      stopping_ = true;
      error_code ignored;
      acceptor_.close(ignored);
      for (beast::tcp_stream* stream : streams_) stream->close();
      for (Signal* signal : signals_) signal->Set();
      work_.reset();  // run() returns once the last coroutine has
    });
    thread_.join();
    mailbox_->Close();
  }

 private:
  void Run() {
    while (true) {
      try {
        io_.run();
        return;
      } catch (const std::exception& error) {
        server::LogError("http", error.what());
      }
    }
  }

  net::awaitable<void> Accept() {
    net::steady_timer pause(io_);
    while (!stopping_) {
      error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(Into(error));
      if (stopping_) co_return;
      const bool is_lent = error && AcceptWithHeld(error, &socket);
      if (error && !is_lent) {
        pause.expires_after(std::chrono::milliseconds(50));
        co_await pause.async_wait(Into(error));
        continue;
      }
      if (!error) held_.Fill();
      fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
      if (!MakeRoom()) {
        Refuse(socket.native_handle(), TooMany());
        continue;
      }
      net::co_spawn(io_, Serve(std::move(socket), is_lent), net::detached);
    }
  }

  // Out of descriptors: takes one connection by a descriptor that is held for those who ask how the
  // daemon is; whoever asks for something else is told that there are none. False: it could not, or
  // something else is wrong.
  bool AcceptWithHeld(const error_code& error, tcp::socket* socket) {
    if (!IsOutOfDescriptors(error.value())) return false;
    if (!held_.Lend()) {
      // All are lent: the one goes that has waited for its request for the longest.
      const auto oldest = std::ranges::find_if(
          waiting_, [this](beast::tcp_stream* stream) { return lent_.contains(stream); });
      if (oldest == waiting_.end()) return false;
      Dismiss(*oldest, OutOfDescriptors());
    }
    const int fd = accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    error_code failure;
    if (fd >= 0) socket->assign(protocol_, fd, failure);
    if (fd >= 0 && !failure) return true;
    if (fd >= 0) close(fd);
    held_.Fill();
    return false;
  }

  // One connection more. If there are too many, the one goes that has been waiting for a request,
  // or for its other half, for the longest. False: all are being answered.
  bool MakeRoom() {
    if (static_cast<int64_t>(streams_.size()) < options_.max_connections() + kHealthConnections) {
      return true;
    }
    if (waiting_.empty()) return false;
    Dismiss(waiting_.front(), TooMany());
    return true;
  }

  // Ends a connection whose request is waited for.
  void Dismiss(beast::tcp_stream* stream, const HttpResponse& response) {
    waiting_.remove(stream);
    Refuse(stream->socket().native_handle(), response);
    stream->close();  // its coroutine ends soon
    streams_.erase(stream);
    lent_.erase(stream);
  }

  // Says so as far as it can be said at once; then the connection is to be closed.
  void Refuse(int fd, const HttpResponse& response) {
    ++refused_;
    // Closed with something unread, the kernel would reset the connection, and this could be lost.
    char dropped[4096];
    for (int i = 0; i < 8 && recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT) > 0; ++i) {
    }
    const std::string text = absl::StrCat(
        "HTTP/1.1 503 Service Unavailable\r\nServer: descentd\r\nConnection: close\r\nRetry-After: "
        "1\r\nContent-Type: ",
        response.content_type, "\r\nContent-Length: ", response.body.size(), "\r\n\r\n",
        response.body);
    [[maybe_unused]] const ssize_t sent =
        send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  HttpResponse Late() const {
    return ErrorResponse(408, MakeError(absl::StatusCode::kDeadlineExceeded,
                                        absl::StrCat("the rest of the request did not come within ",
                                                     options_.read_seconds, " s"),
                                        reason::kRequestTimeout));
  }

  HttpResponse TooMany() const {
    return Unavailable(absl::StrCat("descentd answers ", options_.max_connections(),
                                    " HTTP connections at a time, and has as many (", watchers(),
                                    " of them watch); close some, or allow it more files (ulimit "
                                    "-n, LimitNOFILE= of systemd)"));
  }

  static HttpResponse OutOfDescriptors() {
    return Unavailable(
        absl::StrCat("descentd is out of file descriptors: ", DescriptorLimit(),
                     " are allowed (ulimit -n, LimitNOFILE= of systemd); try again when other "
                     "clients have closed their connections"));
  }

  static HttpResponse Unavailable(const std::string& why) {
    HttpResponse response =
        ErrorResponse(MakeError(absl::StatusCode::kUnavailable, why, reason::kTooManyConnections));
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }

  // A request that is being read: while `stream` is set.
  struct Reading {
    beast::tcp_stream* stream;
    bool timed_out = false;
  };

  // One connection, from its first request to its end. `is_lent`: by a descriptor of held_.
  net::awaitable<void> Serve(tcp::socket socket, bool is_lent) {
    beast::tcp_stream stream(std::move(socket));
    streams_.insert(&stream);
    if (is_lent) lent_.insert(&stream);
    connections_ = static_cast<int64_t>(streams_.size());
    try {
      error_code ignored;
      stream.socket().set_option(tcp::no_delay(true), ignored);
      co_await ServeRequests(stream, is_lent);
      stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    } catch (const std::exception& error) {
      server::LogWarning("http", error.what());
    }
    waiting_.remove(&stream);
    streams_.erase(&stream);
    connections_ = static_cast<int64_t>(streams_.size());
    if (!is_lent) co_return;
    lent_.erase(&stream);
    error_code closed;
    const int fd = stream.socket().is_open() ? stream.socket().release(closed) : -1;
    if (fd >= 0 && !closed) held_.TakeBack(fd);
  }

  net::awaitable<void> ServeRequests(beast::tcp_stream& stream, bool is_lent) {
    beast::flat_buffer buffer(kMaxHeaderBytes + kMaxBodyBytes);
    while (!stopping_) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(kMaxHeaderBytes);
      parser.body_limit(kMaxBodyBytes);
      error_code error;
      // Not the stream's own time limit, which closes it without a word.
      stream.expires_never();
      const auto reading = std::make_shared<Reading>(Reading{.stream = &stream});
      net::steady_timer limit(io_, std::chrono::duration_cast<net::steady_timer::duration>(
                                       Seconds(options_.read_seconds)));
      limit.async_wait([weak = std::weak_ptr<Reading>(reading)](const error_code& cancelled) {
        const std::shared_ptr<Reading> reading = weak.lock();
        if (cancelled || reading == nullptr || reading->stream == nullptr) return;
        reading->timed_out = true;
        reading->stream->cancel();
      });
      waiting_.push_back(&stream);
      co_await http::async_read(stream, buffer, parser, Into(error));
      waiting_.remove(&stream);
      reading->stream = nullptr;
      limit.cancel();
      if (stopping_) co_return;
      if (error) {
        std::optional<HttpResponse> response = Complaint(error);
        // A kept connection on which nothing came is just closed.
        if (reading->timed_out && (parser.got_some() || buffer.size() > 0)) response = Late();
        if (response) {
          co_await Write(stream, *response, /*head=*/false, /*version=*/11, /*keep=*/false);
        }
        co_return;
      }
      const bool head = parser.get().method() == http::verb::head;
      const bool keep = parser.get().keep_alive() && !is_lent;
      const unsigned version = parser.get().version();
      const HttpRequest request = Convert(parser.get());
      const bool about_health = Routes::IsAboutHealth(request);
      if (!about_health && (is_lent || answered_ >= options_.max_connections())) {
        ++refused_;
        const HttpResponse refusal = is_lent ? OutOfDescriptors() : TooMany();
        co_await Write(stream, refusal, head, version, /*keep=*/false);
        co_return;
      }
      const Counted counted(about_health ? about_health_ : answered_);
      const std::optional<Routes::Outcome> outcome = co_await Ask(request, about_health);
      if (!outcome) co_return;
      if (const auto* watch = std::get_if<Routes::Watch>(&*outcome)) {
        const int64_t most = options_.max_connections();
        if (watchers_ >= most - most / 4) {
          ++refused_;
          const HttpResponse refusal = TooMany();
          co_await Write(stream, refusal, head, version, /*keep=*/false);
          co_return;
        }
        const Counted watching(watchers_);
        co_await Watch(stream, *watch, version);
        co_return;
      }
      const HttpResponse& response = std::get<HttpResponse>(*outcome);
      if (!co_await Write(stream, response, head, version, keep)) co_return;
      if (!keep) co_return;
    }
  }

  // Has the routes answer on a thread that may block; nothing when the server is shutting down.
  net::awaitable<std::optional<Routes::Outcome>> Ask(const HttpRequest& request,
                                                     bool about_health) {
    struct Reply {
      Signal signal;
      std::optional<Routes::Outcome> outcome = {};
    };
    // Whoever answers holds it weakly: the answer may come when the server is gone.
    const auto reply = std::shared_ptr<Reply>(new Reply{.signal = {io_, signals_}});
    server::Executor& workers = about_health ? health_worker_ : workers_;
    workers.Post([this, request, mailbox = mailbox_, weak = std::weak_ptr<Reply>(reply)] {
      auto answer = [mailbox, weak](Routes::Outcome outcome) {
        mailbox->Post([weak, outcome = std::move(outcome)]() mutable {
          if (const std::shared_ptr<Reply> reply = weak.lock()) {
            reply->outcome = std::move(outcome);
            reply->signal.Set();
          }
        });
      };
      try {
        routes_.Handle(request, answer);
      } catch (const std::exception& error) {
        answer(ErrorResponse(absl::InternalError(error.what())));
      }
    });
    const bool answered = co_await reply->signal.Wait(kAnswerTime);
    if (stopping_) co_return std::nullopt;
    if (!answered || !reply->outcome) {
      co_return ErrorResponse(
          MakeError(absl::StatusCode::kDeadlineExceeded,
                    "no answer yet; the request stays accepted: ask again with the same request_id",
                    reason::kStillWaiting));
    }
    co_return std::move(reply->outcome);
  }

  // False if the connection is of no more use.
  net::awaitable<bool> Write(beast::tcp_stream& stream, const HttpResponse& response, bool head,
                             unsigned version, bool keep) {
    error_code error;
    stream.expires_after(Seconds(options_.write_seconds));
    const auto status = static_cast<http::status>(response.status);
    const bool bodiless = response.status == 204 || response.status == 304;
    if (head || bodiless) {
      http::response<http::empty_body> message(status, version);
      SetHeaders(response, &message);
      message.keep_alive(keep);
      if (!bodiless) message.content_length(response.body.size());
      co_await http::async_write(stream, message, Into(error));
    } else {
      http::response<http::string_body> message(status, version, response.body);
      SetHeaders(response, &message);
      message.keep_alive(keep);
      message.content_length(response.body.size());
      co_await http::async_write(stream, message, Into(error));
    }
    co_return !error;
  }

  // ------------------------------------------------------------------------ Server-sent events

  // What a client's coroutine and the workers share; touched by one of them at a time.
  struct Feed {
    absl::StatusOr<std::unique_ptr<SseSource>> source = nullptr;
    absl::StatusOr<SseSource::Chunk> chunk = SseSource::Chunk();
    std::atomic<int64_t> lag = 0;
  };

  // Runs `work` on a worker and waits for it; false when the server is shutting down. What `work`
  // uses must belong to it: it may go on after that.
  net::awaitable<bool> RunOnWorker(const std::function<void()>& work) {
    const auto ready = std::make_shared<Signal>(io_, signals_);
    workers_.Post([work, mailbox = mailbox_, weak = std::weak_ptr<Signal>(ready)] {
      work();
      mailbox->Post([weak] {
        if (const std::shared_ptr<Signal> signal = weak.lock()) signal->Set();
      });
    });
    while (!co_await ready->Wait(std::chrono::hours(1))) {
    }
    co_return !stopping_;
  }

  net::awaitable<void> Watch(beast::tcp_stream& stream, const Routes::Watch& watch,
                             unsigned version) {
    const auto news = std::make_shared<Signal>(io_, signals_);
    const auto feed = std::make_shared<Feed>();
    auto on_news = [mailbox = mailbox_, weak = std::weak_ptr<Signal>(news),
                    posted = std::make_shared<std::atomic<bool>>(false)] {
      if (posted->exchange(true)) return;  // a wake-up is on its way
      mailbox->Post([weak, posted] {
        posted->store(false);
        if (const std::shared_ptr<Signal> signal = weak.lock()) signal->Set();
      });
    };
    const std::function<void()> open = [this, feed, watch, on_news] {
      feed->source = SseSource::Open(requests_, watch.caller, watch.request, on_news);
    };
    if (!co_await RunOnWorker(open)) co_return;
    if (!feed->source.ok()) {
      const HttpResponse response = ErrorResponse(feed->source.status());
      co_await Write(stream, response, /*head=*/false, version, /*keep=*/false);
      co_return;
    }
    const bool chunked = version >= 11;
    if (!co_await WriteEventsHeader(stream, version, chunked)) co_return;
    {
      server::MutexLock lock(feeds_mutex_);
      std::erase_if(feeds_, [](const auto& gone) { return gone.expired(); });
      feeds_.push_back(feed);
    }
    co_await SendEvents(stream, feed, news, chunked);
  }

  // What is known of a client that is sent events.
  struct Listener {
    std::shared_ptr<Signal> news;
    bool reset = false;
    // Its side of the connection was closed: it listens still (`nc`), or is gone and will say so
    // when it is sent something: so often it is asked, without waiting for a keep-alive.
    int probes = 0;
  };

  // Has `listener` told when the client closes its side; what it says until then is dropped.
  void NoticeEnd(beast::tcp_stream& stream, const std::shared_ptr<Listener>& listener) {
    stream.socket().async_wait(
        tcp::socket::wait_read,
        [this, &stream, weak = std::weak_ptr<Listener>(listener)](const error_code& error) {
          // Held by the coroutine that holds the stream.
          const std::shared_ptr<Listener> listener = weak.lock();
          if (error || listener == nullptr) return;
          char dropped[4096];
          const ssize_t count =
              recv(stream.socket().native_handle(), dropped, sizeof(dropped), MSG_DONTWAIT);
          if (count > 0 || (count < 0 && errno == EAGAIN)) return NoticeEnd(stream, listener);
          listener->reset = count < 0;
          listener->probes = kProbes;
          listener->news->Set();
        });
  }

  // Until the job's journal has ended or the client has gone.
  net::awaitable<void> SendEvents(beast::tcp_stream& stream, const std::shared_ptr<Feed>& feed,
                                  const std::shared_ptr<Signal>& news, bool chunked) {
    using Clock = std::chrono::steady_clock;
    const std::function<void()> next = [feed] {
      feed->chunk = (*feed->source)->Next(kChunkBytes);
      feed->lag = (*feed->source)->lag();
    };
    const auto listener = std::make_shared<Listener>(Listener{.news = news});
    NoticeEnd(stream, listener);
    if (!co_await WriteChunk(stream, kSseRetry, chunked)) co_return;
    Clock::time_point written = Clock::now();
    while (!stopping_ && !listener->reset) {
      if (!co_await RunOnWorker(next)) co_return;
      if (!feed->chunk.ok()) co_return;  // the client comes again and hears why
      if (!feed->chunk->text.empty()) {
        if (!co_await WriteChunk(stream, feed->chunk->text, chunked)) co_return;
        written = Clock::now();
      }
      if (feed->chunk->ended) {
        error_code error;
        const auto last = http::make_chunk_last();
        if (chunked) co_await net::async_write(stream, last, Into(error));
        co_return;
      }
      // By time, whatever goes by that the client did not ask for.
      std::chrono::nanoseconds pause = Seconds(options_.keep_alive_seconds);
      if (listener->probes > 0) pause = listener->probes == kProbes ? pause.zero() : kProbePause;
      const std::chrono::nanoseconds left = written + pause - Clock::now();
      if (left.count() <= 0) {
        if (listener->probes > 0) --listener->probes;
        const std::string keep_alive = (*feed->source)->KeepAlive();
        if (!co_await WriteChunk(stream, keep_alive, chunked)) co_return;
        written = Clock::now();
        continue;
      }
      if (feed->chunk->at_head) co_await news->Wait(left);
    }
  }

  net::awaitable<bool> WriteEventsHeader(beast::tcp_stream& stream, unsigned version,
                                         bool chunked) {
    http::response<http::empty_body> message(http::status::ok, version);
    SetHeaders({.status = 200,
                .content_type = "text/event-stream; charset=utf-8",
                .body = {},
                .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}},
               &message);
    message.keep_alive(false);
    message.chunked(chunked);
    http::response_serializer<http::empty_body> serializer(message);
    error_code error;
    stream.expires_after(Seconds(options_.write_seconds));
    co_await http::async_write_header(stream, serializer, Into(error));
    co_return !error;
  }

  net::awaitable<bool> WriteChunk(beast::tcp_stream& stream, std::string_view text, bool chunked) {
    error_code error;
    stream.expires_after(Seconds(options_.write_seconds));
    const net::const_buffer buffer(text.data(), text.size());
    if (chunked) {
      const auto chunk = http::make_chunk(buffer);
      co_await net::async_write(stream, chunk, Into(error));
    } else {
      co_await net::async_write(stream, buffer, Into(error));
    }
    co_return !error;
  }

  const Options options_;
  const Requests requests_;
  const Routes routes_;
  std::string address_;
  int port_ = 0;
  tcp protocol_ = tcp::v4();
  std::atomic<int64_t> watchers_ = 0;
  std::atomic<int64_t> connections_ = 0;
  std::atomic<int64_t> refused_ = 0;
  std::atomic<int64_t> answered_ = 0;      // connections whose request is being answered
  std::atomic<int64_t> about_health_ = 0;  // of these, besides: by kHealthConnections

  mutable server::Mutex feeds_mutex_;
  std::vector<std::weak_ptr<Feed>> feeds_ ABSL_GUARDED_BY(feeds_mutex_);

  // On the I/O thread:
  bool stopping_ = false;
  std::set<Signal*> signals_;
  std::set<beast::tcp_stream*> streams_;
  // Those of them whose request is awaited, or half there; the oldest first.
  std::list<beast::tcp_stream*> waiting_;
  // For when there is no other; and the connections that have some of them meanwhile.
  HeldDescriptors held_{kHeldForHealth};
  std::set<beast::tcp_stream*> lent_;

  net::io_context io_{1};
  std::optional<net::executor_work_guard<net::io_context::executor_type>> work_{
      net::make_work_guard(io_)};
  tcp::acceptor acceptor_{io_};
  const std::shared_ptr<Mailbox> mailbox_;
  server::Executor workers_{2};
  server::Executor health_worker_{1};
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(Requests requests, Options options) {
  auto server = std::make_unique<HttpServerImpl>(requests, std::move(options));
  if (absl::Status status = server->Start(); !status.ok()) return status;
  return server;
}

}  // namespace descent::daemon
