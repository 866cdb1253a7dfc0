// What the environment says. It is read before there is any thread.
#ifndef DESCENT_CLIENT_CLI_ENVIRONMENT_H_
#define DESCENT_CLIENT_CLI_ENVIRONMENT_H_

#include <cstdlib>
#include <string>

namespace descent::cli {

// Gives a variable's text; empty if it isn't set.
inline std::string Env(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): see above
  return value == nullptr ? "" : value;
}

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_ENVIRONMENT_H_
