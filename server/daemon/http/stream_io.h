// Reads a request and writes responses, whole or in chunks, each within a time. It is for server.cc
// alone, whose compilation it shares.
#ifndef DESCENT_SERVER_DAEMON_HTTP_STREAM_IO_H_
#define DESCENT_SERVER_DAEMON_HTTP_STREAM_IO_H_

#include <utility>
// (a line of its own, so that it is not sorted away)
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <memory>
#include <string_view>

#include "server/daemon/http/beast_message.h"
#include "server/daemon/http/client_stream.h"
#include "server/daemon/http/io.h"
#include "server/daemon/http/message.h"

namespace descent::daemon {

namespace http = boost::beast::http;

// Ends what a stream is reading when the time is over. The stream's own time limit is not used: it
// closes the stream without a word.
class ReadLimit {
 public:
  ReadLimit(net::io_context& io, ClientStream& stream, std::chrono::nanoseconds time)
      : state_(std::make_shared<State>(State{.stream = &stream})), timer_(io) {
    stream.expires_never();
    timer_.expires_after(std::chrono::duration_cast<net::steady_timer::duration>(time));
    timer_.async_wait([weak = std::weak_ptr<State>(state_)](const error_code& cancelled) {
      const std::shared_ptr<State> state = weak.lock();
      if (cancelled || state == nullptr || state->stream == nullptr) return;
      state->passed = true;
      state->stream->cancel();
    });
  }

  // Says that it was read.
  void Stop() {
    state_->stream = nullptr;
    timer_.cancel();
  }

  // True if the time was over first.
  bool passed() const { return state_->passed; }

 private:
  struct State {
    ClientStream* stream;  // set while it is being read
    bool passed = false;
  };

  const std::shared_ptr<State> state_;
  net::steady_timer timer_;
};

// How a response goes out, which its request decides.
struct ResponseForm {
  bool head = false;  // the body is left out
  unsigned version = 11;
  bool keep = false;  // the connection is kept
};

// Gives false, here and below, if the connection is of no more use. It may take `seconds` at most.
inline net::awaitable<bool> WriteResponse(ClientStream& stream, const HttpResponse& response,
                                          ResponseForm form, double seconds) {
  error_code error;
  stream.expires_after(Seconds(seconds));
  const auto status = static_cast<http::status>(response.status);
  const bool bodiless = response.status == 204 || response.status == 304;
  if (form.head || bodiless) {
    http::response<http::empty_body> message(status, form.version);
    SetHeaders(response, &message);
    message.keep_alive(form.keep);
    if (!bodiless) message.content_length(response.body.size());
    co_await http::async_write(stream, message, Into(error));
  } else {
    http::response<http::string_body> message(status, form.version, response.body);
    SetHeaders(response, &message);
    message.keep_alive(form.keep);
    message.content_length(response.body.size());
    co_await http::async_write(stream, message, Into(error));
  }
  co_return !error;
}

// Writes what precedes server-sent events.
inline net::awaitable<bool> WriteEventsHeader(ClientStream& stream, unsigned version, bool chunked,
                                              double seconds) {
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
  stream.expires_after(Seconds(seconds));
  co_await http::async_write_header(stream, serializer, Into(error));
  co_return !error;
}

// `text` must live as long as this runs.
inline net::awaitable<bool> WriteChunk(ClientStream& stream, std::string_view text, bool chunked,
                                       double seconds) {
  error_code error;
  stream.expires_after(Seconds(seconds));
  const net::const_buffer buffer(text.data(), text.size());
  if (chunked) {
    const auto chunk = http::make_chunk(buffer);
    co_await net::async_write(stream, chunk, Into(error));
  } else {
    co_await net::async_write(stream, buffer, Into(error));
  }
  co_return !error;
}

inline net::awaitable<void> WriteLastChunk(ClientStream& stream) {
  error_code ignored;
  const auto last = http::make_chunk_last();
  co_await net::async_write(stream, last, Into(ignored));
}

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_STREAM_IO_H_
