// Tells what is wrong with a text as a status. A free function; any thread.
#ifndef DESCENT_CLIENT_CPP_TEXT_ERROR_H_
#define DESCENT_CLIENT_CPP_TEXT_ERROR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cpp/yaml_tree.h"

namespace descent::client {

// Gives INVALID_ARGUMENT with a line `{source}:{line}:{column}: {path}: {message}` an error, in the
// order of their places, and a field violation each; the first 20 of them. There must be one.
absl::Status TextErrorsToStatus(std::vector<TextError> errors, const std::string& source);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_TEXT_ERROR_H_
