// With its own headers the only file that knows Beast: it takes 20 s to compile. Asio 1.74's
// coroutines need <utility> before them.
//
// g++ 12 destroys some temporaries in a co_await's arguments twice: what the coroutines here are
// given has a name.
#include <utility>
// (a line of its own, so that it is not sorted away)
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/common/executor.h"
#include "server/common/log.h"
#include "server/daemon/http/beast_message.h"
#include "server/daemon/http/client_stream.h"
#include "server/daemon/http/connections.h"
#include "server/daemon/http/event_streams.h"
#include "server/daemon/http/io.h"
#include "server/daemon/http/json.h"
#include "server/daemon/http/routes.h"
#include "server/daemon/http/server.h"
#include "server/daemon/http/stream_io.h"
#include "server/daemon/sockets/descriptors.h"
#include "server/daemon/sockets/listen_address.h"
#include "server/daemon/tls/server_certificate.h"

namespace descent::daemon {
namespace {

using tcp = net::ip::tcp;

// How long it is waited for to hear why there is no answer.
constexpr std::chrono::seconds kReasonTime(5);
// How long a client's goodbye is waited for.
constexpr std::chrono::seconds kFarewellTime(1);

class HttpServerImpl final : public HttpServer {
 public:
  HttpServerImpl(Requests requests, Options options)
      : options_(std::move(options)),
        routes_(requests, {.metrics = options_.metrics,
                           .health = options_.health,
                           .access = options_.access,
                           .open_metrics = options_.open_metrics,
                           .encrypted = encrypted(),
                           .is_own_host = [this](const std::string& host) { return IsOwn(host); },
                           .answered = options_.answered,
                           .notice = [this] { return Notice(); }}),
        connections_(options_.max_connections, encrypted()),
        events_(requests, options_.access,
                {.keep_alive_seconds = options_.keep_alive_seconds,
                 .write_seconds = options_.write_seconds},
                io_, workers_) {}

  ~HttpServerImpl() override { HttpServerImpl::Shutdown(); }

  absl::Status Start() {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(options_.listen, "--http");
    if (!address.ok()) return address.status();
    if (absl::Status status = CheckReach(*address, encrypted(), "--http"); !status.ok()) {
      return status;
    }
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
    io_.Spawn(Accept());
    io_.Start();
    return absl::OkStatus();
  }

  const std::string& address() const override { return address_; }
  int port() const override { return port_; }
  int64_t watchers() const override { return connections_.watchers(); }
  int64_t lag() const override { return events_.lag(); }
  int64_t connections() const override { return connections_.open(); }
  int64_t refused_connections() const override { return connections_.refused(); }

  void Shutdown() override {
    io_.Stop([this] {
      error_code ignored;
      acceptor_.close(ignored);
      connections_.CloseAll();
    });
  }

 private:
  bool encrypted() const { return options_.certificate != nullptr; }

  // True if people come to this daemon by this name, which no loopback address has.
  bool IsOwn(const std::string& host) const {
    return std::ranges::find(options_.hosts, host) != options_.hosts.end() ||
           (encrypted() && options_.certificate->Current()->Covers(host));
  }

  std::string Notice() const { return encrypted() ? options_.certificate->notice() : ""; }

  net::awaitable<void> Accept() {
    net::steady_timer pause(io_.context());
    while (!io_.stopping()) {
      error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(Into(error));
      if (io_.stopping()) co_return;
      const bool is_lent = error && AcceptWithHeld(error, &socket);
      if (error && !is_lent) {
        pause.expires_after(std::chrono::milliseconds(50));
        co_await pause.async_wait(Into(error));
        continue;
      }
      if (!error) connections_.HoldDescriptors();
      fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
      if (!connections_.MakeRoom()) {
        connections_.Refuse(socket.native_handle(), connections_.TooMany());
        continue;
      }
      io_.Spawn(Serve(std::move(socket), is_lent));
    }
  }

  // Takes, when descriptors are out, one connection by a descriptor that is held for those who ask
  // how the daemon is; whoever asks for something else is told that there are none. False if it
  // could not, or if something else is wrong.
  bool AcceptWithHeld(const error_code& error, tcp::socket* socket) {
    if (!IsOutOfDescriptors(error.value()) || !connections_.LendDescriptor()) return false;
    const int fd = accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    error_code failure;
    if (fd >= 0) socket->assign(protocol_, fd, failure);
    if (fd >= 0 && !failure) return true;
    if (fd >= 0) close(fd);
    connections_.HoldDescriptors();
    return false;
  }

  HttpResponse Late() const {
    return ErrorResponse(408, MakeError(absl::StatusCode::kDeadlineExceeded,
                                        absl::StrCat("the rest of the request did not come within ",
                                                     options_.read_seconds, " s"),
                                        reason::kRequestTimeout));
  }

  // Serves one connection, from its first byte to its end. `is_lent` says that it is by a held
  // descriptor.
  net::awaitable<void> Serve(tcp::socket socket, bool is_lent) {
    const auto stream = std::make_shared<ClientStream>(std::move(socket));
    connections_.Add(stream.get(), is_lent);
    try {
      error_code ignored;
      stream->socket().set_option(tcp::no_delay(true), ignored);
      bool ready = !encrypted();
      if (!ready) ready = co_await BeginTls(*stream);
      if (ready) {
        const bool watched = co_await ServeRequests(stream, is_lent);
        // The last chunk says the end of events, and what a watcher says is being read still.
        connections_.SetWaiting(stream.get());
        if (!watched) co_await stream->End(kFarewellTime);
      }
      stream->socket().shutdown(tcp::socket::shutdown_send, ignored);
    } catch (const std::exception& error) {
      server::LogWarning("http", error.what());
    }
    connections_.Remove(stream.get());
    stream->close();
  }

  // Shakes hands within the time that a request has, and gives way meanwhile as one that is half
  // there. False if it is none of TLS, who is told so if he speaks HTTP.
  net::awaitable<bool> BeginTls(ClientStream& stream) {
    ReadLimit limit(io_.context(), stream, Seconds(options_.read_seconds));
    connections_.SetWaiting(&stream);
    error_code error;
    const auto readable = tcp::socket::wait_read;
    co_await stream.socket().async_wait(readable, Into(error));
    bool done = false;
    if (!error && stream.BeginsTls()) {
      const std::shared_ptr<const ServerCertificate::Pair> pair = options_.certificate->Current();
      done = co_await stream.ShakeHands(pair->context.get());
    }
    connections_.SetBusy(&stream);
    limit.Stop();
    if (io_.stopping() || error || stream.encrypted()) co_return done;
    if (!stream.BeginsText()) co_return false;
    stream.Drop();
    const HttpResponse refusal = ErrorResponse(
        400, MakeError(absl::StatusCode::kInvalidArgument,
                       absl::StrCat("this port speaks TLS: use https://, port ", port_),
                       reason::kInvalidHttp));
    const ResponseForm form;
    co_await WriteResponse(stream, refusal, form, options_.write_seconds);
    co_return false;
  }

  // Gives true if the client has watched, to the end.
  net::awaitable<bool> ServeRequests(const std::shared_ptr<ClientStream>& client, bool is_lent) {
    ClientStream& stream = *client;
    const double seconds = options_.write_seconds;
    beast::flat_buffer buffer(kMaxHeaderBytes + kMaxBodyBytes);
    while (!io_.stopping()) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(kMaxHeaderBytes);
      parser.body_limit(kMaxBodyBytes);
      error_code error;
      ReadLimit limit(io_.context(), stream, Seconds(options_.read_seconds));
      connections_.SetWaiting(&stream);
      co_await http::async_read(stream, buffer, parser, Into(error));
      connections_.SetBusy(&stream);
      limit.Stop();
      if (io_.stopping()) co_return false;
      if (error) {
        std::optional<HttpResponse> response = Complaint(error);
        // A kept connection on which nothing came is just closed.
        if (limit.passed() && (parser.got_some() || buffer.size() > 0)) response = Late();
        const ResponseForm form;
        if (response) co_await WriteResponse(stream, *response, form, seconds);
        co_return false;
      }
      const ResponseForm form{.head = parser.get().method() == http::verb::head,
                              .version = parser.get().version(),
                              .keep = parser.get().keep_alive() && !is_lent};
      const HttpRequest request = Convert(parser.get());
      const bool about_health = Routes::IsAboutHealth(request);
      if (!about_health && (is_lent || !connections_.MayAnswer())) {
        const HttpResponse refusal =
            is_lent ? connections_.OutOfDescriptors() : connections_.TooMany();
        co_await Refuse(stream, refusal, form);
        co_return false;
      }
      std::optional<Counted> counted;
      if (!about_health) counted.emplace(connections_.answered());
      const std::optional<Routes::Outcome> outcome = co_await Ask(request, about_health);
      if (!outcome) co_return false;
      if (const auto* watch = std::get_if<Routes::Watch>(&*outcome)) {
        if (!connections_.MayWatch()) {
          const HttpResponse refusal = connections_.TooMany();
          co_await Refuse(stream, refusal, form);
          co_return false;
        }
        const Counted watching(connections_.watching());
        co_await events_.Serve(client, *watch, form.version);
        co_return true;
      }
      const HttpResponse& response = std::get<HttpResponse>(*outcome);
      if (!co_await WriteResponse(stream, response, form, seconds)) co_return false;
      if (!form.keep) co_return false;
    }
    co_return false;
  }

  net::awaitable<void> Refuse(ClientStream& stream, const HttpResponse& refusal,
                              ResponseForm form) {
    connections_.CountRefused();
    form.keep = false;
    co_await WriteResponse(stream, refusal, form, options_.write_seconds);
  }

  // Has the routes answer on a thread that may block; nothing when the server is shutting down.
  net::awaitable<std::optional<Routes::Outcome>> Ask(const HttpRequest& request,
                                                     bool about_health) {
    struct Reply {
      std::shared_ptr<Signal> signal;
      std::optional<Routes::Outcome> outcome = {};
    };
    // Whoever answers holds it weakly, because the answer may come when the server is gone.
    const auto reply = std::make_shared<Reply>(Reply{.signal = io_.NewSignal()});
    server::Executor& workers = about_health ? health_worker_ : workers_;
    workers.Post([this, request, mailbox = io_.mailbox(), weak = std::weak_ptr<Reply>(reply)] {
      auto answer = [mailbox, weak](Routes::Outcome outcome) {
        mailbox->Post([weak, outcome = std::move(outcome)]() mutable {
          if (const std::shared_ptr<Reply> reply = weak.lock()) {
            reply->outcome = std::move(outcome);
            reply->signal->Set();
          }
        });
      };
      try {
        routes_.Handle(request, answer);
      } catch (const std::exception& error) {
        answer(ErrorResponse(absl::InternalError(error.what())));
      }
    });
    const bool answered = co_await reply->signal->Wait(Seconds(options_.answer_seconds));
    if (io_.stopping()) co_return std::nullopt;
    if (answered && reply->outcome) co_return std::move(reply->outcome);
    const std::string why = co_await WhyItWaits(request);
    if (io_.stopping()) co_return std::nullopt;
    co_return ErrorResponse(
        MakeError(absl::StatusCode::kDeadlineExceeded,
                  absl::StrCat("no answer yet", why.empty() ? "" : absl::StrCat(" (", why, ")"),
                               "; the request stays accepted: ask again with the same request_id"),
                  reason::kStillWaiting));
  }

  // Gives why the job that the request is about makes nobody an answer; empty if nobody knows.
  net::awaitable<std::string> WhyItWaits(const HttpRequest& request) {
    struct Reply {
      std::shared_ptr<Signal> signal;
      std::string why = {};
    };
    const auto reply = std::make_shared<Reply>(Reply{.signal = io_.NewSignal()});
    workers_.Post([this, request, mailbox = io_.mailbox(), weak = std::weak_ptr<Reply>(reply)] {
      mailbox->Post([weak, why = routes_.WhyItWaits(request)] {
        if (const std::shared_ptr<Reply> reply = weak.lock()) {
          reply->why = why;
          reply->signal->Set();
        }
      });
    });
    co_await reply->signal->Wait(kReasonTime);
    co_return reply->why;
  }

  const Options options_;
  const Routes routes_;
  std::string address_;
  int port_ = 0;
  tcp protocol_ = tcp::v4();

  Connections connections_;
  IoThread io_;
  tcp::acceptor acceptor_{io_.context()};
  server::Executor workers_{2};
  server::Executor health_worker_{1};
  EventStreams events_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(Requests requests, Options options) {
  auto server = std::make_unique<HttpServerImpl>(requests, std::move(options));
  if (absl::Status status = server->Start(); !status.ok()) return status;
  return server;
}

}  // namespace descent::daemon
