#include "client/cpp/target.h"

#include <arpa/inet.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"

namespace descent::client {

bool IsUnixSocket(std::string_view server) { return server.starts_with("unix:"); }

bool IsLocal(std::string_view server) {
  if (IsUnixSocket(server)) return true;
  const std::string host(server.substr(0, server.rfind(':')));
  in_addr v4;
  // A name that begins with `127.` is anybody's.
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return host == "localhost" || host == "[::1]";
}

bool UsesTls(const Target& target) {
  if (IsUnixSocket(target.server) || target.insecure) return false;
  return !target.ca.empty() || !IsLocal(target.server);
}

absl::Status CheckTarget(const Target& target) {
  if (target.token.empty()) return absl::OkStatus();
  if (!rules::IsPrintableAscii(target.token)) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     "the token is not one line of printable ASCII", reason::kInvalidToken);
  }
  if (UsesTls(target) || IsUnixSocket(target.server) || target.insecure) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("a token is not sent to ", target.server,
                   " in plaintext: anybody may listen there while descentd is down. Take the "
                   "daemon's socket (unix:PATH), or give the certificate that the daemon is known "
                   "by (--ca); --insecure sends it all the same"),
      reason::kTokenNeedsTls);
}

}  // namespace descent::client
