// Reads a scalar of YAML as a field's value. A free function; any thread.
#ifndef DESCENT_CLIENT_CPP_SCALAR_READER_H_
#define DESCENT_CLIENT_CPP_SCALAR_READER_H_

#include <google/protobuf/message.h>

#include <string>

#include "client/cpp/yaml_tree.h"

namespace descent::client {

// Sets a field that is no message to what a scalar of YAML says, by the field's type; adds it to
// one that is repeated. Gives what is the matter with it, for "{path}: …", or nothing. If
// decimals_only, 0x1F and 0o17 are refused.
std::string SetScalar(const YamlNode& node, bool decimals_only,
                      const google::protobuf::FieldDescriptor* field,
                      google::protobuf::Message* message);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_SCALAR_READER_H_
