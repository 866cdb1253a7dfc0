// What part of a field's path means in an override, `PATH=VALUE` (spec_text.h). Pure functions; any
// thread.
#ifndef DESCENT_CLIENT_CPP_SPEC_OVERRIDE_H_
#define DESCENT_CLIENT_CPP_SPEC_OVERRIDE_H_

#include <google/protobuf/message.h>

#include <string>
#include <vector>

namespace descent::client {

// Gives the paths of all fields that a message has, or that could be set in it without choosing
// another member of a oneof: among these the end of a path is looked up.
std::vector<std::string> FieldPaths(const google::protobuf::Message& message);

// Gives those of `paths` that are meant by `given`: the one that equals it, or else those that end
// with it (rules::MatchEnds). `sequential[0]` is another spelling of `sequential.layers[0]`.
std::vector<std::string> MatchPath(const std::string& given, const std::vector<std::string>& paths);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_SPEC_OVERRIDE_H_
