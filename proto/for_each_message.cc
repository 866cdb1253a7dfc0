#include "proto/for_each_message.h"

#include <google/protobuf/descriptor.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace descent {

void ForEachMessage(const std::string& path, const google::protobuf::Message& message,
                    VisitMessage visit) {
  visit(path, message);
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> given;
  reflection.ListFields(message, &given);
  for (const google::protobuf::FieldDescriptor* field : given) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string inner = absl::StrCat(path, path.empty() ? "" : ".", field->name());
    if (!field->is_repeated()) {
      ForEachMessage(inner, reflection.GetMessage(message, field), visit);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      ForEachMessage(absl::StrCat(inner, "[", i, "]"),
                     reflection.GetRepeatedMessage(message, field, i), visit);
    }
  }
}

}  // namespace descent
