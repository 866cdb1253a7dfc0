// HTTP as plain values, so that only the server itself knows the library that speaks it.
#ifndef DESCENT_SERVER_DAEMON_HTTP_MESSAGE_H_
#define DESCENT_SERVER_DAEMON_HTTP_MESSAGE_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::daemon {

struct HttpRequest {
  std::string method;  // as sent: `GET`
  std::string target;  // as sent: `/v1/jobs/mnist:watch?every=10`
  // Names are in lower case. Repeated ones are joined by ", ", as RFC 9110, section 5.3, says.
  std::map<std::string, std::string, std::less<>> headers;
  std::set<std::string, std::less<>> repeated;  // those that were given more than once
  std::string body;

  bool Has(std::string_view lower_case_name) const {
    return headers.find(lower_case_name) != headers.end();
  }
  // Gives an empty text if there is no such header.
  std::string_view Header(std::string_view lower_case_name) const {
    const auto found = headers.find(lower_case_name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type;  // empty: no body
  std::string body;
  // These are besides those that every response has.
  std::vector<std::pair<std::string, std::string>> headers;
};

// A request's target, percent-decoded.
struct HttpTarget {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;  // in order, names may repeat
};

// Gives INVALID_ARGUMENT for what is not an absolute path, a broken percent-escape, a NUL.
absl::StatusOr<HttpTarget> ParseTarget(std::string_view target);

// Gives INVALID_ARGUMENT naming a parameter that is given twice and is none of `lists`: which of
// the two was meant?
absl::Status CheckParameters(const HttpTarget& target,
                             std::initializer_list<std::string_view> lists);

// Reads decimal digits, perhaps behind a minus, and nothing else. INVALID_ARGUMENT names the
// parameter or header `field`.
absl::StatusOr<int64_t> ParseInteger(std::string_view field, std::string_view text);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_MESSAGE_H_
