// Checks that options and the message of their kind have the same fields.
#ifndef DESCENT_TESTS_SERVER_WORKER_BRIDGE_DECLARED_FIELDS_H_
#define DESCENT_TESTS_SERVER_WORKER_BRIDGE_DECLARED_FIELDS_H_

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/fields/fields.h"

namespace descent::worker {

// Gives a text such as `step_size message` or `boundaries int64 list`.
inline std::set<std::string> FieldsOfMessage(const google::protobuf::Descriptor& message) {
  std::set<std::string> fields;
  for (int i = 0; i < message.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *message.field(i);
    const bool inner = field.cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE;
    fields.insert(field.name() + " " + field.cpp_type_name() +
                  (field.is_repeated() && !inner ? " list" : ""));
  }
  return fields;
}

struct TypeName {
  std::string operator()(const double&) const { return "double"; }
  std::string operator()(const int64_t&) const { return "int64"; }
  std::string operator()(const uint64_t&) const { return "uint64"; }
  std::string operator()(const bool&) const { return "bool"; }
  std::string operator()(const std::string&) const { return "string"; }
  std::string operator()(const EnumPlace&) const { return "enum"; }
  template <class T>
  std::string operator()(const std::optional<T>&) const {
    return (*this)(T());
  }
  template <class T>
  std::string operator()(const std::vector<T>&) const {
    return (*this)(T()) + " list";
  }
  std::string operator()(const std::vector<Sequence>&) const { return "message"; }
  std::string operator()(const Sequence&) const { return "message"; }
  std::string operator()(const OtherPlace&) const { return "message"; }
};

inline std::set<std::string> FieldsOfOptions(const FieldList& list) {
  std::set<std::string> fields;
  for (const Field& field : list) {
    fields.insert(field.name() + " " +
                  std::visit(
                      []<class P>(const P& place) {
                        if constexpr (std::is_pointer_v<P>) {
                          return TypeName()(*place);
                        } else {
                          return TypeName()(place);
                        }
                      },
                      field.place()));
  }
  return fields;
}

}  // namespace descent::worker

#endif  // DESCENT_TESTS_SERVER_WORKER_BRIDGE_DECLARED_FIELDS_H_
