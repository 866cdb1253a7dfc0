// A `ClientStream` is a client's connection, plain or over TLS: what Beast reads and writes on, one
// type for both, so that what serves a client is compiled once and reads the same. It is for
// server.cc alone, whose compilation it shares.
#ifndef DESCENT_SERVER_DAEMON_HTTP_CLIENT_STREAM_H_
#define DESCENT_SERVER_DAEMON_HTTP_CLIENT_STREAM_H_

#include <utility>
// (a line of its own, so that it is not sorted away)
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <memory>

#include "server/daemon/http/io.h"

namespace descent::daemon {

namespace beast = boost::beast;

// It is used on the I/O thread. Whoever has begun to read or write holds it until that is over:
// OpenSSL's state is not to go before.
class ClientStream {
 public:
  using Socket = net::ip::tcp::socket;
  using executor_type = beast::tcp_stream::executor_type;

  explicit ClientStream(Socket socket) : tcp_(std::move(socket)) {}

  Socket& socket() { return tcp_.socket(); }
  bool encrypted() const { return tls_ != nullptr; }

  // Look at the first byte, once the stream can be read: whether it begins a handshake of TLS,
  // and, if it doesn't, whether it may be that of an HTTP request.
  bool BeginsTls() { return Peek() == kHandshake; }
  bool BeginsText() {
    const int first = Peek();
    return first >= 'A' && first <= 'Z';
  }
  // Reads what has come and forgets it. If the stream were closed with something unread, the kernel
  // would reset the connection, and what was sent last could be lost.
  void Drop() {
    char dropped[4096];
    for (int i = 0;
         i < 8 && recv(socket().native_handle(), dropped, sizeof(dropped), MSG_DONTWAIT) > 0; ++i) {
    }
  }

  // Shakes hands; everything is encrypted from then on. Gives false if it came to nothing.
  net::awaitable<bool> ShakeHands(SSL_CTX* settings) {
    SSL_CTX_up_ref(settings);
    net::ssl::context context(settings);  // gives that reference back; the stream has its own
    tls_ = std::make_unique<Tls>(tcp_, context);
    error_code error;
    const auto side = net::ssl::stream_base::server;
    co_await tls_->next_layer().async_handshake(side, Into(error));
    co_return !error;
  }

  // Says that nothing more is sent, and waits for the client to say the same over TLS, for so long
  // at most. Nothing may be being read or written.
  net::awaitable<void> End(std::chrono::nanoseconds time) {
    error_code ignored;
    if (tls_ != nullptr) {
      tcp_.expires_after(time);
      co_await tls_->next_layer().async_shutdown(Into(ignored));
    }
    socket().shutdown(Socket::shutdown_send, ignored);
  }

  // ---- What Beast and Asio ask of a stream; the times are tcp_stream's.
  executor_type get_executor() { return tcp_.get_executor(); }
  void expires_after(std::chrono::nanoseconds time) { tcp_.expires_after(time); }
  void expires_never() { tcp_.expires_never(); }
  void cancel() { tcp_.cancel(); }
  void close() { tcp_.close(); }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_ != nullptr) {
      tls_->async_read_some(buffers, std::forward<Handler>(handler));
    } else {
      tcp_.async_read_some(buffers, std::forward<Handler>(handler));
    }
  }

  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_ != nullptr) {
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    } else {
      tcp_.async_write_some(buffers, std::forward<Handler>(handler));
    }
  }

 private:
  // Asio would write each piece of a message as a record of its own.
  using Tls = beast::flat_stream<net::ssl::stream<beast::tcp_stream&>>;

  static constexpr int kHandshake = 22;  // a record's type, RFC 8446

  // Gives the next byte without taking it; −1 if there is none.
  int Peek() {
    unsigned char byte = 0;
    return recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ? byte : -1;
  }

  beast::tcp_stream tcp_;
  std::unique_ptr<Tls> tls_;  // null: plain, or not yet
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_CLIENT_STREAM_H_
