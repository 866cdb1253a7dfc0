// Fuzzes what comes over the HTTP port, as bytes: Beast's parser with the server's limits, then
// everything that looks at a request before a job does. Nothing may crash; what was understood is
// understood the same when it is written out again; every refusal is JSON that can be sent.

#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "core/text/utf8.h"
#include "descent/v1/training_service.pb.h"
#include "server/daemon/http/beast_message.h"
#include "server/daemon/http/guard.h"
#include "server/daemon/http/message.h"
#include "server/daemon/http/routes.h"

namespace {

namespace http = boost::beast::http;
using descent::daemon::HttpRequest;
using descent::daemon::HttpResponse;
using descent::daemon::HttpTarget;

void CheckAnswer(const HttpResponse& response) {
  if (response.status < 400 || response.status > 599) __builtin_trap();
  if (!descent::IsUtf8(response.body) || !nlohmann::json::accept(response.body)) __builtin_trap();
}

void CheckRefusal(const absl::Status& status) {
  if (!status.ok()) CheckAnswer(descent::daemon::ErrorResponse(status));
}

std::string Encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) absl::StrAppendFormat(&encoded, "%%%02x", static_cast<uint8_t>(c));
  return encoded;
}

// Writes a target that says the same with every byte escaped.
std::string Rewritten(const HttpTarget& target) {
  std::string rewritten = "/" + Encoded(target.path.substr(1));
  char mark = '?';
  for (const auto& [name, value] : target.query) {
    rewritten += mark + Encoded(name) + "=" + Encoded(value);
    mark = '&';
  }
  return rewritten;
}

void CheckTarget(const HttpRequest& request) {
  const absl::StatusOr<HttpTarget> target = descent::daemon::ParseTarget(request.target);
  CheckRefusal(target.status());
  if (!target.ok()) return;
  const absl::StatusOr<HttpTarget> again = descent::daemon::ParseTarget(Rewritten(*target));
  if (!again.ok() || again->path != target->path || again->query != target->query) {
    __builtin_trap();
  }
  const auto watch =
      descent::daemon::ParseWatchRequest("jobs/mnist", *target, request.Header("last-event-id"));
  CheckRefusal(watch.status());
  if (watch.ok() && (watch->every() < 0 || watch->after_revision() < 0)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(descent::daemon::kMaxHeaderBytes);
  parser.body_limit(descent::daemon::kMaxBodyBytes);
  parser.eager(true);
  boost::system::error_code error;
  size_t used = 0;
  while (!parser.is_done() && used < size) {
    const size_t taken = parser.put(boost::asio::buffer(data + used, size - used), error);
    if (error || taken == 0) break;
    used += taken;
  }
  if (error) {
    if (const std::optional<HttpResponse> complaint = descent::daemon::Complaint(error)) {
      CheckAnswer(*complaint);
    }
  }
  if (!parser.is_header_done()) return 0;
  const HttpRequest request = descent::daemon::Convert(parser.get());
  CheckRefusal(descent::daemon::CheckRepeated(request));
  CheckRefusal(descent::daemon::CheckHost(request));
  CheckRefusal(descent::daemon::CheckOrigin(request));
  (void)descent::daemon::IsJson(request);
  (void)descent::daemon::Routes::IsAboutHealth(request);
  CheckTarget(request);
  return 0;
}
