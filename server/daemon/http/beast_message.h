// Makes Beast's messages plain values, and plain values Beast's messages. It is for server.cc
// alone, whose compilation it shares, and for the fuzzer that reads requests as that does. Free
// functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_HTTP_BEAST_MESSAGE_H_
#define DESCENT_SERVER_DAEMON_HTTP_BEAST_MESSAGE_H_

#include <boost/beast/http.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/http/guard.h"
#include "server/daemon/http/json.h"
#include "server/daemon/http/message.h"

namespace descent::daemon {

inline constexpr uint32_t kMaxHeaderBytes = 16 << 10;
inline constexpr uint64_t kMaxBodyBytes = 1 << 20;

inline HttpRequest Convert(
    const boost::beast::http::request<boost::beast::http::string_body>& from) {
  HttpRequest request;
  request.method = std::string(from.method_string());
  request.target = std::string(from.target());
  for (const auto& field : from) {
    std::string name(field.name_string());
    for (char& c : name) c = absl::ascii_tolower(c);
    const auto [header, is_first] = request.headers.emplace(name, std::string(field.value()));
    if (is_first) continue;
    absl::StrAppend(&header->second, ", ", std::string(field.value()));
    request.repeated.insert(std::move(name));
  }
  request.body = from.body();
  return request;
}

template <class Message>
void SetHeaders(const HttpResponse& response, Message* message) {
  message->set(boost::beast::http::field::server, "descentd");
  for (const auto& [name, value] : SecurityHeaders()) message->set(name, value);
  for (const auto& [name, value] : response.headers) message->set(name, value);
  if (!response.content_type.empty()) {
    message->set(boost::beast::http::field::content_type, response.content_type);
  }
}

// Gives what to say about a request that could not be read, if anybody is there to hear it.
inline std::optional<HttpResponse> Complaint(const boost::system::error_code& error) {
  const auto complain = [](int status, absl::StatusCode code, std::string_view message) {
    return ErrorResponse(status, MakeError(code, message, reason::kInvalidHttp));
  };
  if (error == boost::beast::http::error::body_limit) {
    return complain(413, absl::StatusCode::kInvalidArgument, "the body is larger than 1 MiB");
  }
  if (error == boost::beast::http::error::header_limit ||
      error == boost::beast::http::error::buffer_overflow) {
    return complain(431, absl::StatusCode::kInvalidArgument, "the headers exceed 16 KiB");
  }
  if (error == boost::beast::http::error::end_of_stream ||
      error == boost::beast::http::error::partial_message ||
      error.category() != make_error_code(boost::beast::http::error::end_of_stream).category()) {
    return std::nullopt;
  }
  return complain(400, absl::StatusCode::kInvalidArgument, error.message());
}

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_BEAST_MESSAGE_H_
