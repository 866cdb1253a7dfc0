#include "server/worker/spec/violations.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/unknown_field_set.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace descent::worker {
namespace {

// Enough to act on; a hostile spec could have millions.
constexpr size_t kMaxViolations = 32;

void Check(const google::protobuf::Message& message, const std::string& path,
           Violations* violations) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const google::protobuf::UnknownFieldSet& unknown = reflection.GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    const std::string type(message.GetDescriptor()->name());
    violations->Add(path,
                    absl::StrCat("Field number ", unknown.field(i).number(), " of ", type,
                                 " is unknown to this server; the client may be newer."),
                    "UNKNOWN_FIELD");
  }
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string inner = absl::StrCat(path, path.empty() ? "" : ".", field->name());
    if (!field->is_repeated()) {
      Check(reflection.GetMessage(message, field), inner, violations);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      Check(reflection.GetRepeatedMessage(message, field, i), absl::StrCat(inner, "[", i, "]"),
            violations);
    }
  }
}

}  // namespace

void Violations::Add(std::string field, std::string description, std::string_view reason) {
  if (list_.size() >= kMaxViolations) return;
  list_.push_back({std::move(field), std::move(description), std::string(reason)});
}

void Violations::Add(const Violations& others) {
  for (const Violation& violation : others.list_) {
    Add(violation.field, violation.description, violation.reason);
  }
}

void CheckUnknownFields(const google::protobuf::Message& message, Violations* violations) {
  Check(message, "", violations);
}

}  // namespace descent::worker
