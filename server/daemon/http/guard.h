// The guards keep a web page of somebody else, open in the browser of somebody on this machine,
// from talking to the daemon. Pure functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_HTTP_GUARD_H_
#define DESCENT_SERVER_DAEMON_HTTP_GUARD_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/daemon/http/message.h"

namespace descent::daemon {

// Checks that headers that may be given once only are: a proxy, or a check, that looks at one of
// two and a server that looks at the other see different requests. INVALID_ARGUMENT.
absl::Status CheckRepeated(const HttpRequest& request);

// Checks that the Host header names this machine, with any port, for a tunnel may have another one:
// `localhost`, a loopback address, or what `is_own` says is its name, which is asked with the name
// in lower case. Else a name that an attacker points here would make his page of the same origin as
// ours (DNS rebinding). PERMISSION_DENIED; INVALID_ARGUMENT if there is no such header.
absl::Status CheckHost(const HttpRequest& request,
                       const std::function<bool(const std::string& name)>& is_own = nullptr);

// Checks that a request that changes something comes from our own page or from no page at all:
// Origin, if given, is ours, and the content is JSON, which a foreign page can't send without
// asking first. If everything is `encrypted`, our page was so too. PERMISSION_DENIED, or
// INVALID_ARGUMENT (HTTP 415) for the content type.
absl::Status CheckOrigin(const HttpRequest& request, bool encrypted = false);
bool IsJson(const HttpRequest& request);

// The headers of every response that keep others' pages out.
const std::vector<std::pair<std::string, std::string>>& SecurityHeaders();

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_GUARD_H_
