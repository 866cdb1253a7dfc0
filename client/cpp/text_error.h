#ifndef DESCENT_CLIENT_CPP_TEXT_ERROR_H_
#define DESCENT_CLIENT_CPP_TEXT_ERROR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cpp/yaml_tree.h"

namespace descent::client {

// INVALID_ARGUMENT with a line `{source}:{line}:{column}: {path}: {message}` an error, in the
// order of their places, and a field violation each. The first 20; there must be one.
absl::Status TextErrorsToStatus(std::vector<TextError> errors, const std::string& source);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_TEXT_ERROR_H_
