#include "server/daemon/http/guard.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/dashboard/embedded.h"
#include "core/text/utf8.h"
#include "proto/rpc_status.h"
#include "proto/rules/identity.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

// Headers that this daemon reads and that hold one value.
constexpr std::string_view kSingle[] = {
    "host",          "origin",
    "content-type",  "content-length",
    "last-event-id", rules::kAuthorizationHeader,
    "referer",       rules::kPrincipalHeader,
};

// True for `:7601`, or nothing.
bool IsPort(std::string_view text) {
  if (text.empty()) return true;
  if (text[0] != ':' || text.size() > 6) return false;
  return std::all_of(text.begin() + 1, text.end(), absl::ascii_isdigit);
}

// Gives `localhost` of `localhost:7601` and `::1` of `[::1]:7601`; empty if it is neither form.
std::string HostName(std::string_view host) {
  if (!host.empty() && host[0] == '[') {
    const size_t end = host.find(']');
    if (end == std::string_view::npos || !IsPort(host.substr(end + 1))) return "";
    return std::string(host.substr(1, end - 1));
  }
  const size_t colon = std::min(host.find(':'), host.size());
  if (!IsPort(host.substr(colon))) return "";
  std::string name(host.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), absl::ascii_tolower);
  return name;
}

bool IsThisMachine(const std::string& name) {
  if (name == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, name.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace

absl::Status CheckRepeated(const HttpRequest& request) {
  for (const std::string_view name : kSingle) {
    if (request.repeated.count(name) == 0) continue;
    return InvalidField(name, "is given more than once; send one header of this name",
                        reason::kRepeatedHeader);
  }
  return absl::OkStatus();
}

absl::Status CheckHost(const HttpRequest& request,
                       const std::function<bool(const std::string& name)>& is_own) {
  if (!request.Has("host")) {
    return InvalidField("host", "is missing; every request names the host that it is for");
  }
  const std::string_view host = request.Header("host");
  const std::string name = HostName(host);
  if (IsThisMachine(name)) return absl::OkStatus();
  if (!name.empty() && is_own != nullptr && is_own(name)) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kPermissionDenied,
      absl::StrCat(
          "the Host header \"", ShortUtf8(host, 128),
          "\" does not name this machine: use localhost or a loopback address, or a name of "
          "the daemon's certificate or of its --http_host"),
      reason::kForeignHost);
}

absl::Status CheckOrigin(const HttpRequest& request, bool encrypted) {
  const std::string_view origin = request.Header("origin");
  if (!request.Has("origin")) return absl::OkStatus();
  const std::string host(request.Header("host"));
  // Under a name that is not loopback's, people come by a proxy, which speaks TLS to them or not.
  const bool over_tls = encrypted || !IsThisMachine(HostName(host));
  if (over_tls && origin == absl::StrCat("https://", host)) return absl::OkStatus();
  if (!encrypted && origin == absl::StrCat("http://", host)) return absl::OkStatus();
  return MakeError(absl::StatusCode::kPermissionDenied,
                   absl::StrCat("a page of \"", ShortUtf8(origin, 128),
                                "\" may not send commands to this daemon"),
                   reason::kForeignOrigin);
}

bool IsJson(const HttpRequest& request) {
  std::string_view type = request.Header("content-type");
  type = type.substr(0, type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return type.size() == 16 &&
         std::equal(type.begin(), type.end(), "application/json",
                    [](char a, char b) { return absl::ascii_tolower(a) == b; });
}

const std::vector<std::pair<std::string, std::string>>& SecurityHeaders() {
  static const auto& headers = *new std::vector<std::pair<std::string, std::string>>{
      {"Content-Security-Policy", std::string(dashboard::kContentSecurityPolicy)},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
  };
  return headers;
}

}  // namespace descent::daemon
