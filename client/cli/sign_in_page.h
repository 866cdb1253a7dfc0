// The page by which `descent open` takes a browser to the dashboard, signed in. An address that is
// a program's argument can be read by every user of the machine; the page can't.
#ifndef DESCENT_CLIENT_CLI_SIGN_IN_PAGE_H_
#define DESCENT_CLIENT_CLI_SIGN_IN_PAGE_H_

#include <string>

#include "absl/time/time.h"

namespace descent::cli {

// Writes a page that leads to `url`, for this user alone, and gives its path; empty if it can't.
// When the browser has read it nobody knows, so it stays; the code in it is good once, for a
// minute. Pages of before that are older than that are removed. A free function; any thread.
std::string WriteSignInPage(const std::string& folder, const std::string& url, absl::Time now);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_SIGN_IN_PAGE_H_
