// How tokens lie in tokens.json. Pure functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_TOKEN_FILE_H_
#define DESCENT_SERVER_DAEMON_SECURITY_TOKEN_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/daemon/security/token_store.h"

namespace descent::daemon {

std::string FormatTokens(const std::vector<StoredToken>& tokens);

// Reads what FormatTokens has written. DATA_LOSS says the place and what is wrong there; nothing of
// the text is in it.
absl::StatusOr<std::vector<StoredToken>> ParseTokens(std::string_view text);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_TOKEN_FILE_H_
