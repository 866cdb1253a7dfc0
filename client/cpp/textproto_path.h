// Finds out where protobuf's own parser was, which it doesn't say in its errors. A free function;
// any thread.
#ifndef DESCENT_CLIENT_CPP_TEXTPROTO_PATH_H_
#define DESCENT_CLIENT_CPP_TEXTPROTO_PATH_H_

#include <string>
#include <string_view>

#include "client/cpp/yaml_tree.h"

namespace descent::client {

// Gives the path of the field that a text in protobuf's text format is at when it has been read up
// to and including the token at `mark`. Empty if that is no field.
std::string TextprotoPath(std::string_view text, TextMark mark);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_TEXTPROTO_PATH_H_
